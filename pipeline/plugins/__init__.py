"""A provider's name in, its plugin out; and the table of all that are installed.

Loads one plugin and no other. Imports `base`.
"""

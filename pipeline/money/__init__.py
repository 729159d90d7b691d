"""Arithmetic: what a model costs, how many tokens a text has, what requests are estimated to cost.

Numbers and texts in, numbers out; no file but the list of prices. Imports `base`.
"""

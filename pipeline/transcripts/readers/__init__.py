"""The text of a file in, its words out, with speakers and times: a module for each format.

A reader has `matches(text)` and `read(text) -> Reading`; it knows no file and no id. Imports `base`.
"""

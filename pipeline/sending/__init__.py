"""The batch in, started jobs out: what is pending, cut, allowed and started; or what that would cost.

The one room that decides to pay. Imports `results`, `jobs`, `batch`, `money`, `base`.
"""

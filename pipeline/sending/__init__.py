"""The batch in, started jobs out: what is pending, cut and allowed; and what it would cost, or answers at once.

The one room that decides to pay. Imports `results`, `jobs`, `batch`, `money` and `base`.
"""

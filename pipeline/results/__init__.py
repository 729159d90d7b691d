"""Stored outputs in, results.jsonl out (and round.jsonl, for answers to parts), and what is made of it.

Starts nothing. Imports `jobs`, `batch`, `money` and `base`.
"""

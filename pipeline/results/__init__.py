"""Stored outputs in, results.jsonl out (and round.jsonl, for answers to parts), and what is made of it.

Pays for nothing. Imports `jobs`, `batch`, `money`, `base`.
"""

"""What is paid: shards, receipts, one start of each, its polling, its output, and what was sent and spent.

Shards in, receipts and stored outputs out. Knows no pending request. Imports `batch`, `money`, `base`.
"""

"""What is paid. Shards in, receipts and stored outputs out: one start of each, its polling, and what it cost.

What was written here is never lost. It knows no request that is not sent. Imports `batch`, `money` and `base`.
"""

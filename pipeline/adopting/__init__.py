"""What was started, or fetched, elsewhere. Jobs and files of answers in, receipts out: this run's from now on.

It starts nothing. Imports `sending` (for the requests of the batch), `jobs`, `batch`, `base`.
"""

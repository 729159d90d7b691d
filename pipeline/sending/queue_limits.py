"""Whether the service's queue takes one more shard beside those that run."""

from __future__ import annotations

from pipeline.base.humanize import many
from pipeline.jobs.cost_so_far import expected
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.receipt import Receipt
from pipeline.money.tariff import Tariff
from pipeline.provider import Limits


def full(ledger: Ledger, receipt: Receipt, limits: Limits, tariff: Tariff) -> str:
    """Why the service would not take this shard beside those that run; "" if it would."""
    running = [other for other in ledger if not (other.unstarted or other.ended or other.settled)]
    if limits.max_jobs and len(running) >= limits.max_jobs:
        return f"{many(len(running), 'job')} of {limits.max_jobs:,} run"
    if not limits.max_enqueued_tokens or not running:
        return ""
    waiting = [other for other in running if other.model == receipt.model]
    there = sum(expected(other, tariff).input_most for other in waiting)
    if there + expected(receipt, tariff).input_most > limits.max_enqueued_tokens:
        return f"{there:,} of {limits.max_enqueued_tokens:,} tokens of {receipt.model} wait there"
    return ""

"""Catches a second job of a running shard: the earliest stays, the others are cancelled."""

from __future__ import annotations

from pipeline.errors import Busy
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.start_context import Starter
from pipeline.jobs.which_job_is_ours import keep, mine
from pipeline.provider import Found


def look(starter: Starter, receipt: Receipt) -> Receipt:
    """The receipt after one look at the service's list."""
    try:
        others = [job for job in mine(starter, receipt) if job.exact]
        state = starter.provider.poll(receipt.ref).state if others else ""
    except Busy:  # the next look will see it
        return receipt
    if not others:
        return receipt
    ours = Found(receipt.ref, state, receipt.ref.get("created", ""))
    return keep(starter, receipt, [ours, *others])

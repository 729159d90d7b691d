"""Catches a second job of a running shard: the earliest stays, the others are cancelled."""

from __future__ import annotations

from pipeline.errors import Busy
from pipeline.jobs.proven_list import remember
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.start_context import Starter
from pipeline.jobs.which_job_is_ours import keep, listed, mine
from pipeline.provider import Found


def first_look(starter: Starter, receipt: Receipt) -> Receipt:
    """The receipt after the look that follows a good start: whether the list shows its job is remembered."""
    try:
        jobs = listed(starter, receipt)
    except Busy:
        return receipt
    if not starter.provider.lists_all:
        remember(starter, receipt, receipt.ref["id"] in [job.ref["id"] for job in jobs])
    return _without_second(starter, receipt, mine(starter, receipt, jobs))


def look(starter: Starter, receipt: Receipt) -> Receipt:
    """The receipt after one more look at the service's list."""
    try:
        return _without_second(starter, receipt, mine(starter, receipt))
    except Busy:  # the next look will see it
        return receipt


def _without_second(starter: Starter, receipt: Receipt, jobs: list[Found]) -> Receipt:
    others = [job for job in jobs if job.exact]
    if not others:
        return receipt
    try:
        state = starter.provider.poll(receipt.ref).state
    except Busy:
        return receipt
    ours = Found(receipt.ref, state, receipt.ref.get("created", ""))
    return keep(starter, receipt, [ours, *others])

"""A start whose answer was lost: its job is looked for, and whether the shard may be started again is decided.

It is, once in its life and on proof that the list would show its job; else a person must say so.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from pipeline.base.humanize import many
from pipeline.errors import Busy, DoubtError, UnfinishedError
from pipeline.jobs.proven_list import unproven
from pipeline.jobs.receipt import MOST_LOST, Receipt
from pipeline.jobs.start_context import Starter
from pipeline.jobs.which_job_is_ours import mine, taken, unsure
from pipeline.provider import Found

PAUSES = (1 / 60, 1 / 30, 1 / 15, 2 / 15, 1 / 5, 1 / 4, 3 / 10)  # of SETTLE, between two looks at the list
GOOD_LISTS = 3  # that must show no job before a start is repeated


def doubt(receipt: Receipt) -> str:
    """What is known of a shard whose starts were lost."""
    before = f" ({receipt.carried} of what it takes the place of)" if receipt.carried else ""
    requests = "" if receipt.carried else f" of its {many(receipt.requests, 'request')}"
    return (
        f"{receipt.shard}: {many(receipt.lost, 'start')}{before} had no answer, and no job of it is found: "
        f"up to {many(receipt.lost, 'job')}{requests} may be paid"
    )


def way_on(receipts: Iterable[Receipt]) -> str:
    """What to type then, for all of them at once."""
    names = shlex.quote(" ".join(receipt.shard for receipt in receipts))
    return f"`make submit` takes its job once the list tells it; AGAIN={names} is your word to pay for one more"


def recover(starter: Starter, receipt: Receipt) -> Receipt:
    """Find the job of a start whose answer was lost; without one, after SETTLE, back to `uploaded`."""
    good, first, now, settle = 0, starter.clock.now(), starter.clock.now, starter.settle
    for pause in (*PAUSES, 0.0):
        waited = max(now() - (receipt.intent or 0.0), now() - first)
        ours = _readable(starter, receipt)
        good += ours is not None
        if ours and (found := taken(starter, receipt, ours)):
            return found
        if good >= GOOD_LISTS and waited >= settle:
            return starter.ledger.save(receipt, state="uploaded", intent=None, doubtful=True)
        if pause:
            starter.say(f"{receipt.shard}: no job is found yet; looking again in {pause * settle:.3g} s")
            starter.clock.sleep(pause * settle)
    raise UnfinishedError(
        f"{receipt.shard}: it is not certain whether its job was created: up to {many(receipt.lost, 'job')} may be "
        "paid; no start is sent before the list of jobs can be read. Run `make submit` again"
    )


def look_again(starter: Starter, receipt: Receipt) -> Receipt:
    """The receipt with its job, if that is found by now; without, if the shard may be started again.

    Raises DoubtError if only a person can say so.
    """
    jobs = starter.clock.patiently(lambda: mine(starter, receipt))
    if found := taken(starter, receipt, jobs):
        return found
    why = None if receipt.shard in starter.again else _why_not(starter, receipt, jobs)
    if why is not None:
        raise DoubtError(f"{doubt(receipt)}{why}")
    return receipt


def _why_not(starter: Starter, receipt: Receipt, jobs: list[Found]) -> str | None:
    """Why a shard is not started again without a person's word; None if it is."""
    if jobs:
        return unsure(jobs)
    if receipt.lost >= MOST_LOST:
        return ""  # it was once
    if not starter.repeat:
        return ", and a command that waits does not pay again by itself"
    return unproven(starter) or None


def _readable(starter: Starter, receipt: Receipt) -> list[Found] | None:
    """Jobs that may be of this start; None if the list cannot be read."""
    try:
        return mine(starter, receipt)
    except Busy as busy:
        starter.say(f"{receipt.shard}: the list of jobs cannot be read ({busy})")
        return None

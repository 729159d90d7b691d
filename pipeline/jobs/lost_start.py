"""A start whose answer was lost: its job is looked for, and whether the shard may be started again is decided."""

from __future__ import annotations

from pipeline.base.humanize import many
from pipeline.errors import Busy, DoubtError, UnfinishedError
from pipeline.jobs.receipt import MOST_LOST, Receipt
from pipeline.jobs.start_context import Starter
from pipeline.jobs.which_job_is_ours import certain, keep, mine
from pipeline.provider import Found

PAUSES = (1 / 60, 1 / 30, 1 / 15, 2 / 15, 1 / 5, 1 / 4, 3 / 10)  # of SETTLE, between two looks at the list
GOOD_LISTS = 3  # that must show no job before a start is repeated
LOOK = "`make submit` takes the job once the service lists it; REPLACE=1 pays once more"


def most_lost(starter: Starter, receipt: Receipt) -> int:
    """After how many lost starts a shard is not started again: that it is once more, a person must say."""
    return receipt.lost + 1 if receipt.doubted and starter.replace else MOST_LOST


def gives_up(receipt: Receipt) -> DoubtError:
    """What to raise then."""
    return DoubtError(f"{receipt.shard}: {doubt(receipt)}. It is not started again. {LOOK}")


def doubt(receipt: Receipt) -> str:
    """What is known of a shard whose starts were lost."""
    return (
        f"{many(receipt.lost, 'start')} had no answer, and no job of it is listed: "
        f"up to {many(receipt.lost, 'job')} of its {many(receipt.requests, 'request')} may be paid"
    )


def take(starter: Starter, receipt: Receipt) -> Receipt:
    """Take over the job of a lost start, if the service lists it by now."""
    late = starter.clock.patiently(lambda: mine(starter, receipt))
    return keep(starter, receipt, certain(starter, receipt, late)) if late else receipt


def recover(starter: Starter, receipt: Receipt) -> Receipt:
    """Find the job of a start whose answer was lost; without one, after SETTLE, back to `uploaded`."""
    good, first, now, settle = 0, starter.clock.now(), starter.clock.now, starter.settle
    for pause in (*PAUSES, 0.0):
        waited = max(now() - (receipt.intent or 0.0), now() - first)
        ours = _listed(starter, receipt)
        good += ours is not None
        if ours:
            return keep(starter, receipt, certain(starter, receipt, ours))
        if good >= GOOD_LISTS and waited >= settle:
            return starter.ledger.save(receipt, state="uploaded", intent=None, doubtful=True)
        if pause:
            starter.say(f"{receipt.shard}: no job is listed yet; looking again in {pause * settle:.3g} s")
            starter.clock.sleep(pause * settle)
    raise UnfinishedError(
        f"{receipt.shard}: it is not certain whether its job was created; nothing was sent again; "
        "run `make submit` again"
    )


def _listed(starter: Starter, receipt: Receipt) -> list[Found] | None:
    """Jobs that may be of this start; None if the list cannot be read."""
    try:
        return mine(starter, receipt)
    except Busy as busy:
        starter.say(f"{receipt.shard}: the list of jobs cannot be read ({busy})")
        return None

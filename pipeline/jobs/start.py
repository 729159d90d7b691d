"""Starts one shard exactly once, whatever is lost on the way.

The receipt is written before and after every remote effect. When the answer to a start is lost, the
service's own list decides: a job of this upload that was not there before the start is ours.
"""

from __future__ import annotations

from typing import Any

from pipeline.errors import Ambiguous, Busy, DoubtError, Rejected, SpendError
from pipeline.jobs.lost_start import doubt, recover
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.second_job import first_look
from pipeline.jobs.start_context import Starter
from pipeline.jobs.which_job_is_ours import account, adopt, best, listed, names, taken, unsure
from pipeline.provider import Found


def start(starter: Starter, receipt: Receipt) -> Receipt:
    """Take a shard from `planned` or `uploaded` to `running`, or back to `uploaded` with one more start `lost`.

    Raises if it cannot, with nothing lost.
    """
    receipt = _staged(starter, receipt)
    there = starter.clock.patiently(lambda: listed(starter, receipt))
    known = starter.ledger.job_ids()
    others = [job for job in there if job.ref["id"] not in known and job.state != "failed"]
    late = [job for job in others if receipt.doubtful and job.ref["id"] not in receipt.known]
    if late and (found := taken(starter, receipt, late)):
        return found
    if late and receipt.shard not in starter.again:
        raise DoubtError(doubt(receipt) + unsure(late))
    if job := _stranger(starter, receipt, [job for job in others if job.exact]):
        return adopt(starter, receipt, job)
    name, before, tries = receipt.shard, [job.ref["id"] for job in there], []

    def once_more() -> Receipt:
        """A service that is busy, and says so, may have created the job all the same: it is looked for."""
        now = starter.ledger.receipts[name]
        tries.append(now)
        new = [job for job in listed(starter, now) if job.ref["id"] not in before] if len(tries) > 1 else []
        return (new and taken(starter, now, new)) or _send(starter, now, before)

    sent = starter.clock.patiently(once_more)
    return first_look(starter, sent) if sent.ref else recover(starter, sent)


def _staged(starter: Starter, receipt: Receipt) -> Receipt:
    now = account(starter)
    if receipt.state != "planned" and (receipt.lost or receipt.account in (None, now)):
        return receipt
    handle = starter.clock.patiently(lambda: starter.provider.stage(starter.ledger.shard(receipt)))
    return starter.ledger.save(receipt, state="uploaded", handle=handle, account=now)


def _stranger(starter: Starter, receipt: Receipt, strangers: list[Found]) -> Found | None:
    """A job of these very requests that this run does not know, to be taken over. Raises SpendError where a person
    has to say."""
    if strangers and starter.adopt:
        return best(strangers)
    if starter.adopt:
        raise SpendError(
            "the service has no other job of exactly these requests that did not fail; nothing is sent. "
            "`make submit` pays for them"
        )
    if strangers and not starter.replace:
        raise SpendError(_unknown(receipt, strangers))
    return None


def _send(starter: Starter, receipt: Receipt, known: list[str]) -> Receipt:
    """The one request that may pay. Comes back without a ref when its answer was lost."""
    save, before = starter.ledger.save, receipt.lost  # without an answer it counts as lost, whatever kills us
    intent = {"known": known, "intent": starter.clock.now(), "account": account(starter)}
    receipt = save(receipt, state="starting", **intent, lost=before + 1)
    try:
        ref = starter.provider.start(starter.ledger.shard(receipt), receipt.handle)
    except Busy:
        save(receipt, state="uploaded", intent=None, lost=before)
        raise
    except Rejected:  # the upload may be what was wrong: it costs nothing to bring it again
        handle = receipt.handle if before else None  # by which the job of a lost start may still be found
        save(receipt, state="planned", handle=handle, intent=None, lost=before)
        raise
    except Ambiguous as lost:
        starter.say(f"{receipt.shard}: the answer to its start was lost ({lost}); looking for the job")
        return save(receipt, doubtful=True)
    return _written(starter, receipt, ref, before)


def _written(starter: Starter, receipt: Receipt, ref: dict[str, Any], lost: int) -> Receipt:
    """The receipt with its job. If no disk takes it, the job's id is at least said."""
    try:
        return starter.ledger.save(receipt, state="running", ref=ref, lost=lost)
    except OSError:
        starter.say(
            f"{receipt.shard}: job {ref['id']} runs and is paid, but its receipt cannot be written: keep this id"
        )
        raise


def _unknown(receipt: Receipt, jobs: list[Found]) -> str:
    return (
        f"{receipt.shard}: the service already has a job for these very requests, which this run does not "
        f"know: {names(jobs)}. `make submit ADOPT=1` takes its answers without paying, REPLACE=1 pays again"
    )

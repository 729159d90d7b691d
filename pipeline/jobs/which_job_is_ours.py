"""Which of the jobs that a service lists is ours: one is kept, a second one is written down and cancelled."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from typing import Any

from pipeline.errors import Busy, Rejected, UnfinishedError, Unlisted
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.start_context import Starter
from pipeline.provider import Found


def listed(starter: Starter, receipt: Receipt) -> list[Found]:
    """Jobs that are, or may be, of this upload; none where the service has no list.

    Without an upload a provider may still find one by the shard alone.
    """
    try:
        return _told_apart(starter.provider.find(starter.ledger.shard(receipt), receipt.handle or {}))
    except Unlisted:
        return []
    except KeyError:
        if receipt.handle:
            raise
        return []


def _told_apart(jobs: list[Found]) -> list[Found]:
    """Of entries that cannot be read some may be equal: one more of them is another one."""
    seen, apart = Counter[str](), []
    for job in jobs:
        name = job.ref["id"]
        seen[name] += 1
        again = not job.state and seen[name] > 1
        apart.append(replace(job, ref={**job.ref, "id": f"{name}-{seen[name]}"}) if again else job)
    return apart


def mine(starter: Starter, receipt: Receipt, jobs: list[Found] | None = None) -> list[Found]:
    """Those that came after the intent and that the ledger does not know; of `jobs`, or of a new look."""
    known = starter.ledger.job_ids().union(receipt.known)
    return [job for job in (listed(starter, receipt) if jobs is None else jobs) if job.ref["id"] not in known]


def taken(starter: Starter, receipt: Receipt, jobs: list[Found]) -> Receipt | None:
    """The receipt with the job that is its own; None if none surely is.

    Raises UnfinishedError where a job's answers will tell.
    """
    exact = [job for job in jobs if job.exact]
    if exact or (starter.adopt and len(jobs) == 1 and jobs[0].state):
        return keep(starter, receipt, exact or jobs)
    if jobs and not starter.provider.tag and receipt.shard not in starter.again:
        raise UnfinishedError(
            f"{receipt.shard}: the answer to its start was lost, and the service cannot tell whether this is its "
            f"job: {names(jobs)}. It is told by its answers: run `make submit` again when it has ended. "
            "If you know that it is the one, ADOPT=1 takes it now; if you know that it is not, "
            f"AGAIN={receipt.shard} pays for another start"
        )
    return None


def keep(starter: Starter, receipt: Receipt, jobs: list[Found]) -> Receipt:
    """One job stays; the others are written down before they are cancelled."""
    ours = best(jobs)
    rest = [job for job in jobs if job.ref["id"] != ours.ref["id"]]
    duplicates = [*receipt.duplicates, *(job.ref["id"] for job in rest)]
    if receipt.ref is None or receipt.ref["id"] != ours.ref["id"]:
        receipt = adopt(starter, receipt, ours)
    receipt = starter.ledger.save(receipt, duplicates=duplicates, lost=max(receipt.lost - len(jobs), 0))
    for job in rest:
        _cancel(starter, receipt, job)
    return receipt


def adopt(starter: Starter, receipt: Receipt, job: Found) -> Receipt:
    """Take the job over as the one of this shard."""
    starter.say(f"{receipt.shard}: took over job {job.ref['id']} ({job.state}); it is not started again")
    news = {"state": "running", "ref": dict(job.ref), "account": account(starter)}
    return starter.ledger.save(receipt, **news, ended=None, done=None, error=None)


def account(starter: Starter) -> dict[str, str] | None:
    """The account that is asked now, as a receipt has it."""
    now = starter.provider.account()
    return asdict(now) if now else None


def best(jobs: list[Found]) -> Found:
    """The job to keep: one with all its answers if there is one, else one that runs; then the earliest."""
    order: dict[str, Any] = {"completed": 0, "running": 1}
    return min(jobs, key=lambda job: (order.get(job.state, 2), job.created, job.ref["id"]))


def names(jobs: list[Found]) -> str:
    """`batch-7 (running 2026-01-01), …`."""
    return ", ".join(f"{job.ref['id']} ({' '.join(filter(None, [job.state or '?', job.created]))})" for job in jobs)


def unsure(jobs: list[Found]) -> str:
    """Jobs that may be of a shard, for the end of a sentence that says its doubt."""
    word = "1" if len(jobs) == 1 else jobs[0].ref["id"]
    return (
        f", as {names(jobs)}, of which the list does not say whose it is; `make adopt ADOPT={word}` is your word "
        "that it is this one"
    )


def _cancel(starter: Starter, receipt: Receipt, job: Found) -> None:
    if job.state != "running":
        return
    second = f"{receipt.shard}: a second job, {job.ref['id']},"
    try:
        starter.clock.patiently(lambda: starter.provider.cancel(job.ref))
        starter.say(f"{second} was found and cancelled; what it did is paid")
    except (Busy, Rejected) as error:
        starter.say(f"{second} could NOT be cancelled: {error}")

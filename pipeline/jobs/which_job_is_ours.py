"""Which of the jobs that a service lists is ours: one is kept, a second one is written down and cancelled."""

from __future__ import annotations

from typing import Any

from pipeline.errors import Busy, Rejected, UnfinishedError
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.start_context import Starter
from pipeline.provider import Found


def mine(starter: Starter, receipt: Receipt) -> list[Found]:
    """Jobs of this upload that came after the intent and that the ledger does not know.

    Without an upload a provider may still find one by the shard alone.
    """
    shard = starter.ledger.shard(receipt)
    try:
        jobs = starter.provider.find(shard, receipt.handle or {})
    except KeyError:
        if receipt.handle:
            raise
        return []
    known = starter.ledger.job_ids().union(receipt.known)
    return [job for job in jobs if job.ref["id"] not in known]


def certain(starter: Starter, receipt: Receipt, jobs: list[Found]) -> list[Found]:
    """Those that are surely of this start. Where the service cannot tell, a person must."""
    exact = [job for job in jobs if job.exact]
    if exact or (starter.adopt and len(jobs) == 1):
        return exact or jobs
    raise UnfinishedError(
        f"{receipt.shard}: the answer to its start was lost, and the service cannot tell whether this is its "
        f"job: {names(jobs)}. It is told by its answers: run `make submit` again when it has ended. "
        "If you know that it is the one, ADOPT=1 takes it now"
    )


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
    return starter.ledger.save(receipt, state="running", ref=dict(job.ref), ended=None, done=None, error=None)


def best(jobs: list[Found]) -> Found:
    """The job to keep: one with all its answers if there is one, else one that runs; then the earliest."""
    order: dict[str, Any] = {"completed": 0, "running": 1}
    return min(jobs, key=lambda job: (order.get(job.state, 2), job.created, job.ref["id"]))


def names(jobs: list[Found]) -> str:
    return ", ".join(f"{job.ref['id']} ({' '.join(filter(None, [job.state, job.created]))})" for job in jobs)


def _cancel(starter: Starter, receipt: Receipt, job: Found) -> None:
    if job.state != "running":
        return
    second = f"{receipt.shard}: a second job, {job.ref['id']},"
    try:
        starter.clock.patiently(lambda: starter.provider.cancel(job.ref))
        starter.say(f"{second} was found and cancelled; what it did is paid")
    except (Busy, Rejected) as error:
        starter.say(f"{second} could NOT be cancelled: {error}")

"""Starts one shard exactly once, whatever is lost on the way.

The receipt is written before and after every remote effect. When the answer to a start is lost, the
service's own list decides: a job of this upload that was not there before the start is ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.base.clock import Clock
from pipeline.base.humanize import many
from pipeline.errors import Ambiguous, Busy, Rejected, SpendError, UnfinishedError
from pipeline.jobs.ledger import Ledger, Receipt
from pipeline.provider import Found, Provider

PAUSES = (1 / 60, 1 / 30, 1 / 15, 2 / 15, 1 / 5, 1 / 4, 3 / 10)  # of SETTLE, between two looks at the list
GOOD_LISTS = 3  # that must show no job before a start is repeated


@dataclass(frozen=True)
class Starter:
    """What all starts of one command share.

    `adopt` takes over jobs of unknown origin and starts none; `replace` pays beside them, and beside lost starts.
    """

    ledger: Ledger
    provider: Provider
    clock: Clock
    say: Callable[[str], None]
    settle: float = 300.0  # seconds from the intent until an absent job counts as never created
    adopt: bool = False
    replace: bool = False

    def start(self, receipt: Receipt) -> Receipt:
        """Take a shard from `planned` or `uploaded` to `running`, or back to `uploaded` with one more start `lost`.

        Raises if it cannot, with nothing lost.
        """
        shard = self.ledger.shard(receipt)
        if receipt.state == "planned":
            handle = self.clock.patiently(lambda: self.provider.stage(shard))
            receipt = self.ledger.save(receipt, state="uploaded", handle=handle)
        there = self.clock.patiently(lambda: self.provider.find(shard, receipt.handle))
        others = [job for job in there if job.ref["id"] not in self.ledger.job_ids() and job.state != "failed"]
        strangers = [job for job in others if job.exact]
        late = [job for job in others if receipt.doubtful and job.ref["id"] not in receipt.known]
        if late:
            return self._keep(receipt, self._certain(receipt, late))
        if strangers and self.adopt:
            return self._adopt(receipt, best(strangers))
        if self.adopt:
            raise SpendError(
                f"{receipt.shard}: the service has no other job of exactly these requests; nothing was sent. "
                "`make submit` without ADOPT=1 pays for them"
            )
        if strangers and not self.replace:
            raise SpendError(_unknown(receipt, strangers))
        name, known = receipt.shard, [job.ref["id"] for job in there]
        receipt = self.clock.patiently(lambda: self._send(self.ledger.receipts[name], known))
        return self.look(receipt) if receipt.ref else self.recover(receipt)

    def take(self, receipt: Receipt) -> Receipt:
        """Take over the job of a lost start, if the service lists it by now."""
        late = self.clock.patiently(lambda: self._mine(receipt))
        return self._keep(receipt, self._certain(receipt, late)) if late else receipt

    def recover(self, receipt: Receipt) -> Receipt:
        """Find the job of a start whose answer was lost; without one, after SETTLE, back to `uploaded`."""
        good, first = 0, self.clock.now()
        for pause in (*PAUSES, 0.0):
            waited = max(self.clock.now() - (receipt.intent or 0.0), self.clock.now() - first)
            try:
                mine = self._mine(receipt)
                good += 1
            except Busy as busy:
                mine = []
                self.say(f"{receipt.shard}: the list of jobs cannot be read ({busy})")
            if mine:
                return self._keep(receipt, self._certain(receipt, mine))
            if good >= GOOD_LISTS and waited >= self.settle:
                return self.ledger.save(receipt, state="uploaded", intent=None, doubtful=True)
            if pause:
                self.say(f"{receipt.shard}: no job is listed yet; looking again in {pause * self.settle:.3g} s")
                self.clock.sleep(pause * self.settle)
        raise UnfinishedError(
            f"{receipt.shard}: it is not certain whether its job was created; nothing was sent again; "
            "run `make submit` again"
        )

    def look(self, receipt: Receipt) -> Receipt:
        """Catch a second job of a running shard: the earliest stays, the others are cancelled."""
        try:
            others = [job for job in self._mine(receipt) if job.exact]
            state = self.provider.poll(receipt.ref).state if others else ""
        except Busy:  # the next look will see it
            return receipt
        if not others:
            return receipt
        ours = Found(receipt.ref, state, receipt.ref.get("created", ""))
        return self._keep(receipt, [ours, *others])

    def _send(self, receipt: Receipt, known: list[str]) -> Receipt:
        """The one request that may pay. Comes back without a ref when its answer was lost."""
        before = receipt.lost  # until there is an answer, this start counts as lost, whatever kills us
        receipt = self.ledger.save(receipt, state="starting", known=known, intent=self.clock.now(), lost=before + 1)
        try:
            ref = self.provider.start(self.ledger.shard(receipt), receipt.handle)
        except Busy:
            self.ledger.save(receipt, state="uploaded", intent=None, lost=before)
            raise
        except Rejected:  # the upload may be what was wrong: it costs nothing to bring it again
            self.ledger.save(receipt, state="planned", handle=None, intent=None, lost=before)
            raise
        except Ambiguous as lost:
            self.say(f"{receipt.shard}: the answer to its start was lost ({lost}); looking for the job")
            return self.ledger.save(receipt, doubtful=True)
        return self.ledger.save(receipt, state="running", ref=ref, lost=before)

    def _mine(self, receipt: Receipt) -> list[Found]:
        """Jobs of this upload that came after the intent and that the ledger does not know."""
        jobs = self.provider.find(self.ledger.shard(receipt), receipt.handle)
        known = self.ledger.job_ids().union(receipt.known)
        return [job for job in jobs if job.ref["id"] not in known]

    def _certain(self, receipt: Receipt, jobs: list[Found]) -> list[Found]:
        """Those that are surely of this start. Where the service cannot tell, a person must."""
        exact = [job for job in jobs if job.exact]
        if exact or (self.adopt and len(jobs) == 1):
            return exact or jobs
        raise UnfinishedError(
            f"{receipt.shard}: the answer to its start was lost, and the service cannot tell whether this is its "
            f"job: {_names(jobs)}. It is told by its answers: run `make submit` again when it has ended. "
            "If you know that it is the one, ADOPT=1 takes it now"
        )

    def _adopt(self, receipt: Receipt, job: Found) -> Receipt:
        self.say(f"{receipt.shard}: took over job {job.ref['id']} ({job.state}); it is not started again")
        return self.ledger.save(receipt, state="running", ref=dict(job.ref), ended=None, done=None, error=None)

    def _keep(self, receipt: Receipt, jobs: list[Found]) -> Receipt:
        """One job stays; the others are written down before they are cancelled."""
        ours = best(jobs)
        rest = [job for job in jobs if job.ref["id"] != ours.ref["id"]]
        duplicates = [*receipt.duplicates, *(job.ref["id"] for job in rest)]
        if receipt.ref is None or receipt.ref["id"] != ours.ref["id"]:
            receipt = self._adopt(receipt, ours)
        receipt = self.ledger.save(receipt, duplicates=duplicates, lost=max(receipt.lost - len(jobs), 0))
        for job in rest:
            self._cancel(receipt, job)
        return receipt

    def _cancel(self, receipt: Receipt, job: Found) -> None:
        if job.state != "running":
            return
        try:
            self.clock.patiently(lambda: self.provider.cancel(job.ref))
            self.say(
                f"{receipt.shard}: a second job, {job.ref['id']}, was found and cancelled; what it did is paid"
            )
        except (Busy, Rejected) as error:
            self.say(f"{receipt.shard}: a second job, {job.ref['id']}, could NOT be cancelled: {error}")


def best(jobs: list[Found]) -> Found:
    """The job to keep: one with all its answers if there is one, else one that runs; then the earliest."""
    order: dict[str, Any] = {"completed": 0, "running": 1}
    return min(jobs, key=lambda job: (order.get(job.state, 2), job.created, job.ref["id"]))


def doubt(receipt: Receipt) -> str:
    """What is known of a shard whose starts were lost."""
    return (
        f"{many(receipt.lost, 'start')} had no answer, and no job of it is listed: "
        f"up to {many(receipt.lost, 'job')} of its {many(receipt.requests, 'request')} may be paid"
    )


def _unknown(receipt: Receipt, jobs: list[Found]) -> str:
    return (
        f"{receipt.shard}: the service already has a job for these very requests, which this run does not "
        f"know: {_names(jobs)}. `make submit ADOPT=1` takes its answers without paying, REPLACE=1 pays again"
    )


def _names(jobs: list[Found]) -> str:
    return ", ".join(f"{job.ref['id']} ({' '.join(filter(None, [job.state, job.created]))})" for job in jobs)

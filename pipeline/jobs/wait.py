"""Polls the jobs of a run, fetches what ended, and waits for the rest."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from pipeline.base.clock import Clock
from pipeline.base.humanize import many
from pipeline.base.lock import lock
from pipeline.base.workspace import Workspace
from pipeline.errors import Busy, IncompleteError, UnfinishedError
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.poll_job import visit
from pipeline.jobs.same_account import same_account
from pipeline.jobs.start_context import Starter
from pipeline.jobs.usage import counted
from pipeline.money.tariff import Tariff
from pipeline.provider import Provider

T = TypeVar("T")
MOST = 300.0  # seconds; the longest pause between polls of a service that does not answer


@dataclass
class Watch:
    """One command's view of the jobs. `show` gets the ledger after each round; `say` gets news."""

    ws: Workspace
    provider: Provider
    clock: Clock
    say: Callable[[str], None]
    show: Callable[[Ledger], None] = lambda ledger: None
    settle: float = 300.0
    poll: float | None = None  # seconds between rounds; None: the provider's own
    tariff: Tariff | None = None  # what the answers cost; None: as published
    account: str = ""  # whose jobs they are, as a person says; see same_account
    said: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tariff = self.tariff or Tariff(self.provider)

    def when_ended(self, wait: bool, then: Callable[[Ledger], T]) -> T:
        """Poll until every job has ended (once, without `wait`), then do that, with the lock held.

        Raises UnfinishedError.
        """
        quiet = 0
        while True:
            try:
                with lock(self.ws.lock, "results"):
                    ledger = Ledger(self.ws)
                    self._round(ledger)
                    if all(receipt.settled or receipt.unstarted for receipt in ledger):
                        return then(ledger)
                quiet = 0
            except (Busy, UnfinishedError) as error:
                if not wait:
                    raise
                self.once(str(error))
                quiet += 1
            if not wait:
                raise UnfinishedError(f"{standing(ledger)}; run `make results` again, or with WAIT=1 to wait")
            self.pause(quiet)

    def _round(self, ledger: Ledger) -> None:
        if not any(receipt.ref for receipt in ledger):
            raise IncompleteError("nothing was submitted yet; run `make submit`")
        trouble = self.look(ledger)
        self.show(ledger)
        if trouble:
            raise trouble
        started = [receipt for receipt in ledger if not receipt.unstarted]
        lost = any(receipt.state == "starting" for receipt in started)
        if lost and all(receipt.settled for receipt in started if receipt.ref):
            raise IncompleteError("a submit was interrupted; run `make submit` to finish it")

    def look(self, ledger: Ledger) -> Busy | None:
        """Visit each job once: what has ended is fetched and counted. Returns the first trouble of the service."""
        same_account(ledger, self.provider, self.account)
        trouble, starter = None, Starter(ledger, self.provider, self.clock, self.say, self.settle)
        for receipt in [receipt for receipt in ledger if receipt.ref]:
            try:
                visit(starter, receipt, self.once)
            except Busy as busy:  # the other jobs are still visited
                trouble = trouble or busy
            counted(ledger, ledger.receipts[receipt.shard], self.provider, self.tariff)
        return trouble

    def until_one_ends(self) -> None:
        """Poll until a job that runs now has ended, holding the lock only to look."""
        running, quiet = self._running(), 0
        while running and running == self._running():
            self.pause(quiet)
            try:
                with lock(self.ws.lock, "submit"):
                    trouble = self.look(Ledger(self.ws))
            except UnfinishedError:  # another command looks: that does as well
                trouble = None
            quiet = quiet + 1 if trouble else 0
            if trouble:
                self.once(str(trouble))

    def _running(self) -> list[str]:
        return [receipt.shard for receipt in Ledger(self.ws) if receipt.ref and receipt.ended is None]

    def once(self, text: str) -> None:
        """Say each text once."""
        if text not in self.said:
            self.said.add(text)
            self.say(text)

    def pause(self, quiet: int = 0) -> None:
        """Sleep as long as the service likes between polls; longer after rounds that brought no answer."""
        shortest, longest = self.provider.limits("").poll
        pause = random.uniform(shortest, longest) if self.poll is None else self.poll
        self.clock.sleep(min(max(pause, 1.0) * 2 ** min(quiet, 10), MOST) if quiet else pause)


def standing(ledger: Ledger) -> str:
    """`2 of 3 jobs are still running (1,200 of 3,000 requests done)`."""
    jobs = [receipt for receipt in ledger if receipt.ref]
    running = [receipt for receipt in jobs if not receipt.settled]
    done = sum(receipt.requests if receipt.settled else receipt.done or 0 for receipt in jobs)
    total = sum(receipt.requests for receipt in jobs)
    are = "is" if len(running) == 1 else "are"
    return f"{len(running)} of {many(len(jobs), 'job')} {are} still running ({done:,} of {total:,} requests done)"

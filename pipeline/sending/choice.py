"""Which requests a command is about: those of ID; with RETRY what was sent and has no answer, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from pipeline.base.faults import Faults
from pipeline.batch.custom_id import transcript, whole
from pipeline.batch.request_index import row_of
from pipeline.batch.request_kind import Kind
from pipeline.batch.request_line import identity
from pipeline.errors import clean
from pipeline.jobs.ledger import Ledger
from pipeline.provider import Provider
from pipeline.sending.checked_requests import Sendable
from pipeline.sending.pending import Finder
from pipeline.sending.same_question import Key
from pipeline.sending.submit_options import Asked

NEAR = 10_000  # ids that a mistyped one is held against


class Choice:
    """Of each request the finders for which it is pending; `begun` are stems of transcripts of which something was
    sent, where a sample is asked for."""

    def __init__(
        self, ledger: Ledger, provider: Provider, asked: Asked, finders: Sequence[Finder], of: Key
    ) -> None:
        self._provider, self._asked, self._finders, self._of = provider, asked, finders, of
        self._failed = finders[-1].failed(ledger, of) if asked.retry or asked.sample else set()
        self._planned = _planned(ledger) if asked.retry and not asked.correction else set()
        self._missing, self.begun = set(asked.ids), set[str]()
        self._ids = dict[str, str]()  # of the first transcripts, for one that is mistyped

    def pending(self, one: Sendable, kind: Kind) -> tuple[list[Finder], bool] | None:
        """With whether it was sent and has no answer. None for one that ID does not name."""
        there = [finder for finder in self._finders if not finder.has(one)]
        if self._asked.ids:
            if len(self._ids) < NEAR:
                name = row_of(one.row).get("id", "")
                self._ids[name.casefold()] = name
            names = _names(one) & self._asked.ids
            self._missing -= names
            if not names:
                for finder in () if self._has_failed(one) else there:
                    finder.found.unsent += 1
                    finder.found.otherwise += finder.replaces(one, self._provider)
                return None
            if self._asked.replace:
                asks = self._of(one.line, kind.model)
                there = [finder for finder in self._finders if finder in there or finder.ended(one, asks)]
        tried = bool(there) and self._has_failed(one)
        tried = tried or any(finder.mended(one, self._provider) for finder in there)
        if self._asked.sample and (tried or not there):
            self.begun.add(transcript(one.request["custom_id"]))
        return self._retried(one, there, tried), tried

    def check(self) -> None:
        """Raises InputError with all ids that are not there."""
        faults = Faults()
        for name in sorted(self._missing):
            near = [self._ids[one] for one in get_close_matches(name.casefold(), self._ids, 1)]
            words = "no transcript and no request of the batch has this id"
            words += "; nor is there such a file" if "/" in name or "." in name else ""
            faults.add(f"ID={clean(name, 60)}", words + (f"; {clean(near[0], 60)}?" if near else ""))
        faults.check("nothing is sent; ID= names those that are meant")

    def _has_failed(self, one: Sendable) -> bool:
        return bool(self._failed) and not self._failed.isdisjoint(_ways(one, self._of))

    def _retried(self, one: Sendable, there: list[Finder], tried: bool) -> list[Finder]:
        """With RETRY what was never sent is left, unless it takes the place of what was: that is to be refused."""
        if not (self._asked.retry and there) or tried or one.later or identity(one.line) in self._planned:
            return there
        there = [finder for finder in self._finders if finder.replaces(one, self._provider)]
        self._finders[0].found.unsent += not there
        return there


def _ways(one: Sendable, of: Key) -> Iterator[bytes]:
    """The keys of a request as it is asked, and as it was asked before its correction."""
    yield of(one.line, one.request["body"]["model"])
    if one.original and one.plain:
        yield of(one.original, one.plain["body"]["model"])


def _planned(ledger: Ledger) -> set[bytes]:
    """What was cut before, and has no job yet."""
    return {identity(line) for receipt in ledger if receipt.unstarted for line in ledger.lines(receipt)}


def _names(one: Sendable) -> set[str]:
    """By which a person may name a request: its custom_id, that of its result, and the transcript's id."""
    name = one.request["custom_id"]
    return {name, whole(name), transcript(name), row_of(one.row).get("id", name)}

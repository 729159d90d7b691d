"""Requests of the batch that no job has: told by what a line asks, however it is written, or by their ids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.base.faults import Faults
from pipeline.batch.request_kind import Kind
from pipeline.batch.saved_prompts import load
from pipeline.jobs.already_sent import sent
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.other_jobs import content
from pipeline.jobs.sent_rows import SentRows
from pipeline.provider import Provider
from pipeline.sending.checked_requests import sendable


@dataclass
class Match:
    """What a job has of the batch: its custom_id for each request, by place. `lines` are all of the job; `other`
    are custom_ids of the batch under which it asks something else."""

    names: dict[int, str] = field(default_factory=dict)
    lines: int = 0
    other: list[str] = field(default_factory=list)


class Wanted:
    """The requests of a batch without a job, each by its place. Raises InputError where there is no batch."""

    def __init__(self, ledger: Ledger, provider: Provider) -> None:
        self._provider, self._by_content, self._by_name = provider, {}, {}
        self.kinds: dict[int, Kind] = {}
        before, faults, prompts = sent(ledger, provider, retry=False), Faults(), load(ledger.ws)
        for one in sendable(ledger, provider, faults, SentRows(ledger, provider)):
            name = one.request["custom_id"]
            if not before.has(one.line, name):
                self.kinds[one.place] = Kind(one.request["body"]["model"], prompts.of(name).name)
                self._by_content.setdefault(content(provider, one.line), one.place)
                self._by_name |= {name: one.place, provider.custom_id(one.line): one.place}
        faults.check("mend the transcripts and run `make batch` again")

    def of_lines(self, lines: Iterable[bytes]) -> Match:
        """What the lines that a job was started with hold."""
        match, seen = Match(), {}
        for line in lines:
            match.lines += 1
            name, place = self._place(line)
            if seen.setdefault(name, place) != place:  # of its two answers nobody knows which is to what
                match.names.pop(seen[name], None)
                match.other.append(name)
            elif place is not None:
                match.names.setdefault(place, name)
            elif name in self._by_name:
                match.other.append(name)
        return match

    def of_names(self, names: Iterable[str]) -> Match:
        """What answers with these ids are to, if the ids say it."""
        match = Match()
        for name in names:
            match.lines += 1
            if (place := self._by_name.get(name)) in self.kinds:
                match.names.setdefault(place, name)
        return match

    def without(self, match: Match) -> int:
        """What is taken over has a job now. Returns how many requests."""
        for place in match.names:
            del self.kinds[place]
        return len(match.names)

    def _place(self, line: bytes) -> tuple[str, int | None]:
        try:
            name, place = self._provider.custom_id(line), self._by_content.get(content(self._provider, line))
            return name, place if isinstance(name, str) and place in self.kinds else None
        except (ValueError, KeyError, TypeError, AttributeError):  # no request of this service
            return "", None

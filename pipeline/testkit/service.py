"""What a fake service is to the contract; and a plugin whose calls go wrong, where there is no wire to bend."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pipeline.errors import Ambiguous, Busy, Rejected
from pipeline.provider import Download, Provider

VERBS = ("stage", "start", "find", "poll", "fetch", "cancel", "ask")
CERTAIN = ("400", "401", "402", "403", "404", "413", "422")


class Service:
    """How jobs end, what goes wrong next, and what was asked. A subclass has `invoice` and `provider()`."""

    secret = "k-secret-0123456789"
    running: tuple[str, ...] = ()  # status words that mean that a job still runs
    at_once: bool | None = False  # it answers single requests too, with `text` of "it"; None: not here

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []  # verb and path
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.ending = "completed"
        self.answered: int | None = None  # rows that are done before the end; None is all
        self.errors: dict[str, str] = {}  # custom_id -> message of a row that failed
        self.text = "answer to {}"
        self.polls_needed = 1
        self.late_files = 0  # polls after the end in which the files are not there yet
        self.word: str | None = None  # a status word of every poll, instead of the true one
        self.no_counts = False
        self.tells_strangers = True  # another job of the same requests is seen before the start

    def fault(self, verb: str, *kinds: str) -> None:
        """The next calls of a verb of the contract go wrong in these ways."""
        assert verb in VERBS, verb
        self.faults[verb].extend(kinds)

    def wire(self, line: bytes) -> str:
        """The id of a request as it stands in an encoded line."""
        row = json.loads(line)
        return next(row[name] for name in ("custom_id", "key", "recordId") if name in row)

    def starts(self) -> int:
        """Requests to start a job, whatever came of them."""
        return sum(verb == "start" for verb, _ in self.requests)

    def asks(self) -> int:
        """Requests to answer at once, whatever came of them."""
        return sum(verb == "ask" for verb, _ in self.requests)

    def next_fault(self, verb: str) -> str:
        return self.faults[verb].pop(0) if self.faults[verb] else ""

    def advance(self) -> None:
        """All that runs has ended."""


class Flaky:
    """A provider whose calls fail as its service says, in the terms of the contract."""

    def __init__(self, provider: Provider, service: Service) -> None:
        self._provider, self._service = provider, service

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._provider, name)
        if name == "fetch":
            return self._fetch
        return (lambda *args: self._call(name, value, args)) if name in VERBS else value

    def _call(self, verb: str, call: Any, args: tuple) -> Any:
        self._service.requests.append((verb, ""))
        fault = self._service.next_fault(verb)
        if fault and not fault.startswith("executed:"):
            raise _failure(verb, fault)
        answer = call(*args)
        if fault:
            raise _failure(verb, "lost")
        return answer

    def _fetch(self, ref: Any) -> Iterator[Download]:
        fault = self._service.next_fault("fetch")
        if fault and fault not in ("cut", "short", "fewer"):
            raise Busy(f"fetch: {fault}")
        for download in self._provider.fetch(ref):
            yield replace(download, chunks=_half(download, fault)) if fault else download


def _half(download: Download, fault: str) -> list[bytes]:
    data = b"".join(download.chunks or ())
    half = len(data) // 2
    return [data[: data.rfind(b"\n", 0, half) + 1 if fault == "fewer" else half]]


def _failure(verb: str, fault: str) -> Exception:
    status, _, after = fault.partition(":")
    if status in CERTAIN:
        return Rejected(f"{verb}: refused ({status})")
    if status == "429":
        return Busy(f"{verb}: later", float(after) if after.isdecimal() else None)
    return (Ambiguous if verb in ("start", "ask") else Busy)(f"{verb}: {fault}")

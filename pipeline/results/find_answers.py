"""Where the answers are: a scan of the stored outputs, each line of which is decoded again when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import orjson

from pipeline.base.faults import Faults
from pipeline.batch.request_kind import Kind
from pipeline.batch.request_line import asking, identity
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.outputs import Read, Reader, opened
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.sent_line import line_of
from pipeline.jobs.sent_rows import SentRows
from pipeline.provider import Provider, Result

SHIFT = 48  # bits for a place in an output file


class Answers:
    """The answer to each line that was sent; to one that was not, or failed, that to another which asks the same.

    Memory: a few words per request. `stack` closes the outputs.
    """

    def __init__(self, ledger: Ledger, provider: Provider, say: Callable[[str], None], stack: ExitStack) -> None:
        self._ledger, self._provider, self._receipts = ledger, provider, list(ledger)
        self._reader, self._rows = Reader(ledger.ws, provider), SentRows(ledger, provider)
        self._places = _places(ledger, self._receipts, provider, self._reader, say)
        self._outputs = [opened(ledger, receipt, stack) for receipt in self._receipts]
        self._alike: dict[bytes, int] | None = None  # by content; made when it is needed, as most runs need none

    def line(self, request: dict[str, Any], carried: Mapping[str, Any]) -> tuple[bytes, str]:
        """The line of a request with that row of the index ({} in a round) and its model: as it was sent last,
        corrected or not, whatever code encodes it now."""
        asked = self._ledger.corrections.applied(request, carried)
        ways = [asked] if asked is request else [asked, request]
        lines = [(line_of(self._ledger, self._provider, one), one["body"]["model"]) for one in ways]
        for line, model in lines:
            if identity(line) in self._places or (len(lines) > 1 and self._place(line, model) is not None):
                return line, model
        sent = self._rows.line(orjson.dumps(carried)) if "custom_id" in carried else None
        return sent or lines[0][0], lines[0][1]

    def find(self, line: bytes, kind: Kind) -> tuple[Receipt, Result | None] | None:
        """The receipt that has the request, and its result if an output has one; None if it was never sent."""
        place = self._place(line, kind.model)
        if place is None:
            return None
        number, offset = place >> SHIFT + 1, place & (1 << SHIFT) - 1
        if not offset:
            return self._receipts[number], None
        self._outputs[number].seek(offset - 1)
        return self._receipts[number], self._reader.of(kind.prompt)(self._outputs[number].readline())

    def _place(self, line: bytes, model: str) -> int | None:
        place = self._places.get(identity(line))
        if place is not None and _ok(place):
            return place
        if self._alike is None:
            self._alike = self._by_content()
        return self._alike.get(asking(self._provider, line, model))

    def _by_content(self) -> dict[bytes, int]:
        alike: dict[bytes, int] = {}
        for receipt in self._receipts:
            for line in self._ledger.lines(receipt) if receipt.settled else ():
                content = asking(self._provider, line, receipt.model)
                place = self._places[identity(line)]
                if content not in alike or not _ok(alike[content]):
                    alike[content] = place
        return alike


def _places(
    ledger: Ledger, receipts: list[Receipt], provider: Provider, reader: Reader, say: Callable[[str], None]
) -> dict[bytes, int]:
    """Where the answer to each request stands: an int of receipt, whether it is an answer, and offset + 1.

    The newest answer wins, then the newest failure; within one output the first answer does.
    """
    places: dict[bytes, int] = {}
    for number, receipt in enumerate(receipts):
        if not receipt.settled:
            continue
        keys = {}
        for line in ledger.lines(receipt):
            key = keys[provider.custom_id(line)] = identity(line)
            if not _ok(places.get(key, 0)):
                places[key] = number * 2 << SHIFT
        for offset, ok, key in _scan(ledger, receipt, reader.of(receipt.prompt), keys, say):
            before = places[key]
            if (ok and not (_ok(before) and before >> SHIFT + 1 == number)) or not _ok(before):
                places[key] = (number * 2 + ok << SHIFT) + offset + 1
    return places


def _ok(place: int) -> bool:
    return bool(place >> SHIFT & 1)


def _scan(
    ledger: Ledger, receipt: Receipt, read: Read, keys: dict[str, bytes], say: Callable[[str], None]
) -> Iterator[tuple[int, bool, bytes]]:
    """Offset, whether it is an answer, and request of each line of an output; says what is odd about it."""
    offset, path, odd, seen = 0, ledger.output(receipt), Faults(), set()
    with ExitStack() as stack:
        for number, line in enumerate(opened(ledger, receipt, stack) or (), 1):
            if line.strip():
                result = read(line)
                name = result.custom_id
                if name not in keys:
                    why = "no custom_id" if name is None else f"custom_id {name!r} was not asked in this shard"
                    odd.add(f"{path}:{number}", f"{why}; the line is kept there and not used")
                else:
                    if name in seen:
                        odd.add(f"{path}:{number}", f"custom_id {name!r} came twice")
                    seen.add(name)
                    yield offset, result.ok, keys[name]
            offset += len(line)
    for fault in odd.shown:
        say(fault)
    if odd.count > len(odd.shown):
        say(f"{path}: and {odd.count - len(odd.shown):,} more such lines")

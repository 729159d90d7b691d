"""Requests as the lines that are sent: those of the batch, and of the round behind it that combines its answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson

from pipeline.base.atomic_files import BUFFER
from pipeline.base.faults import Faults
from pipeline.base.lines import ended_lines
from pipeline.base.records import parse
from pipeline.base.workspace import Workspace
from pipeline.errors import DamagedError, InputError, Unencodable
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.sent_line import line_of
from pipeline.jobs.sent_rows import SentRows
from pipeline.jobs.shard_size import fits
from pipeline.provider import Limits, Provider
from pipeline.results.round_file import check

ROUND = 1 << 40  # added to the number of a line of round.jsonl


class Sendable(NamedTuple):
    """A request, its line, and its place: the number of its row in batch.jsonl, or ROUND + that in round.jsonl."""

    place: int
    request: dict[str, Any]
    line: bytes
    row: bytes  # of the index; b"" in a round, which has none
    original: bytes = b""  # the line without its correction, if it has one
    plain: dict[str, Any] | None = None  # the request without it

    @property
    def later(self) -> bool:
        return self.place > ROUND


def sendable(ledger: Ledger, provider: Provider, faults: Faults, known: SentRows) -> Iterator[Sendable]:
    """Each request, checked: what cannot be sent is a fault; what was sent, as is `known`, can be.

    Raises InputError where there is no batch, and DamagedError where its index is another one's.
    """
    limits: dict[str, Limits] = {}
    if not ledger.ws.batch.exists():
        raise InputError(f"{ledger.ws.batch}: no such file; run `make batch`")
    check(ledger.ws)
    for path, start in _files(ledger.ws):
        with path.open("rb", buffering=BUFFER) as stream, _index(ledger.ws, start) as index:
            rows = enumerate(index, 1)
            for number, request in parse(stream, path, "request", faults):
                row = _beside(rows, number)
                if not start and b'"custom_id":' + orjson.dumps(request["custom_id"]) not in row:
                    raise DamagedError(f"{ledger.ws.index} does not belong to {path}; run `make -B batch`")
                asked = ledger.corrections.applied(request, row)
                model = asked["body"]["model"]
                if model not in limits:
                    limits[model] = provider.limits(model)
                sent, why = checked(ledger, provider, asked, limits[model])
                if why and (before := known.line(row)):
                    sent, why = before, None
                if why:
                    faults.add(f"{path}:{number}", f"$.custom_id {request['custom_id']!r}: {why}")
                else:
                    as_made = () if asked is request else (line_of(ledger, provider, request), request)
                    yield Sendable(start + number, asked, sent, row, *as_made)


def where(ws: Workspace, place: int) -> str:
    """`batch.jsonl:12`, with its folder."""
    return f"{ws.round}:{place - ROUND}" if place > ROUND else f"{ws.batch}:{place}"


def at(ledger: Ledger, provider: Provider, places: Iterable[int]) -> Iterator[tuple[dict[str, Any], bytes, bytes]]:
    """The requests at these places, which were checked before: each with its line, and its row of the index (b"" in
    a round, which has none)."""
    wanted = iter(sorted(places))
    place = next(wanted, None)
    for path, start in _files(ledger.ws):
        with path.open("rb", buffering=BUFFER) as stream, _index(ledger.ws, start) as index:
            rows = enumerate(index, 1)
            for number, raw in ended_lines(stream):
                if start + number == place:
                    row, place = _beside(rows, number), next(wanted, None)
                    request = ledger.corrections.applied(orjson.loads(raw), row)
                    yield request, line_of(ledger, provider, request), row


def _files(ws: Workspace) -> list[tuple[Path, int]]:
    return [(path, start) for path, start in ((ws.batch, 0), (ws.round, ROUND)) if path.exists()]


def checked(
    ledger: Ledger, provider: Provider, request: dict[str, Any], limits: Limits
) -> tuple[bytes, str | None]:
    """The line of a request, and why it cannot be sent."""
    try:
        sent = line_of(ledger, provider, request)
    except Unencodable as error:
        return b"", f"{provider.name} cannot send this: {error}"
    return sent, None if "sent" in request else fits(sent, limits)


def _index(ws: Workspace, start: int) -> BinaryIO:
    return BytesIO() if start or not ws.index.exists() else ws.index.open("rb", buffering=BUFFER)


def _beside(rows: Iterator[tuple[int, bytes]], number: int) -> bytes:
    """The row of the index on that line; numbers grow from call to call."""
    return next((row for at, row in rows if at == number), b"")

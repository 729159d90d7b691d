"""Shards: the requests of a batch cut into files that the service takes, written once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from operator import add
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from pipeline.base.files import BUFFER, durable, escape, publish
from pipeline.errors import InputError
from pipeline.jobs.ledger import Kind, Ledger, Receipt, identity
from pipeline.provider import Limits, Provider


def encode(provider: Provider, request: dict) -> bytes:
    """The request as the line that is sent."""
    return escape(provider.encode(request))


def line(ledger: Ledger, provider: Provider, request: dict) -> bytes:
    """The line of a request of the batch: as it was sent, if that was in other words than today's."""
    if "sent" in request:
        return ledger.at(request["sent"]["shard"], request["sent"]["at"])
    return encode(provider, {name: request[name] for name in ("custom_id", "body")})


NONE = {"input": 0, "longest": 0, "output": 0, "marked": 0}  # tokens of a receipt; changed by nobody
MARK = b'"cache_control"'  # of a prefix that is to be kept for the next request; in a text it has backslashes


class Counted(NamedTuple):
    """A line to send: tokens of its prompt as we count them, at most of its answer, and at most of its prompt; and
    the row that says what it was made from."""

    line: bytes
    prompt: int = 0
    answer: int = 0
    most: int = 0
    row: Mapping[str, Any] = {}


class Cutter:
    """Puts as many lines into a shard as the limits allow, in their order."""

    def __init__(self, limits: Limits) -> None:
        self._most = (limits.max_requests, limits.max_bytes, limits.max_enqueued_tokens)
        self._filled, self.shard = (0, 0, 0), 0

    def number(self, one: Counted) -> int:
        """The shard that the next line goes into, from 0."""
        more = (1, len(one.line) + 1, one.most)
        after = tuple(map(add, self._filled, more))
        if self._filled[0] and any(map(_over, after, self._most)):
            self.shard, after = self.shard + 1, more
        self._filled = after
        return self.shard


def split(lines: Iterable[Counted], limits: Limits) -> Iterator[tuple[int, Counted]]:
    """Each line with the number of its shard."""
    cutter = Cutter(limits)
    for one in lines:
        yield cutter.number(one), one


def level(limits: Limits, count: int, provider: str) -> Limits:
    """Limits under which no shard of `count` requests is too small. Raises InputError if all are too few."""
    least, most = limits.min_requests, limits.max_requests or count
    if count < least:
        raise InputError(
            f"{provider} takes no batch of less than {least} requests, and {count} are pending; none was sent"
        )
    return replace(limits, max_requests=-(-count // -(-count // most))) if least > 1 else limits


def fits(line: bytes, limits: Limits) -> str | None:
    """Why a line can be in no shard of this service, or None."""
    most = min(filter(None, (limits.max_line_bytes, limits.max_bytes)), default=None)
    if most and len(line) + 1 > most:
        return f"the request has {len(line) / 1e6:.1f} MB, a line may have {most / 1e6:g} MB"
    return None


def write(ledger: Ledger, provider: str, lines: Iterable[Counted], limits: Limits, kind: Kind) -> Iterator[Receipt]:
    """Write the lines, all of one kind, as shards, each with a receipt that says `planned`."""
    for _, group in groupby(split(lines, limits), key=lambda pair: pair[0]):
        yield _write(ledger, provider, (one for _, one in group), kind)


def _write(ledger: Ledger, provider: str, lines: Iterable[Counted], kind: Kind) -> Receipt:
    whole, count, size, known = hashlib.sha256(), 0, 0, True
    tokens = NONE
    draft, rows = (
        ledger.ws.shards / ".draft",
        ledger.ws.made / ".draft",
    )  # the name holds the hash, known at the end
    with durable(draft) as stream, durable(rows) as made:
        for line, prompt, answer, _, row in lines:
            known = known and bool(row)
            stream.write(line + b"\n")
            made.write(orjson.dumps({**row, "at": size, "line": identity(line).hex()}) + b"\n")
            whole.update(line + b"\n")
            count, size, tokens = count + 1, size + len(line) + 1, tally(tokens, line, prompt, answer)
    name = f"{ledger.next_number():04d}-{whole.hexdigest()[:8]}"
    if known:  # before its shard, so that a crash leaves no shard without
        publish(rows, ledger.ws.made / f"{name}.jsonl")
    publish(draft, ledger.ws.shards / f"{name}.jsonl")
    return ledger.save(Receipt(name, provider, count, size, whole.hexdigest(), *kind, tokens=tokens))


def tally(tokens: dict[str, int], line: bytes, prompt: int, answer: int) -> dict[str, int]:
    """A receipt's `tokens`, with one request more; "marked" counts lines with a MARK."""
    return {
        "input": tokens["input"] + prompt,
        "longest": max(tokens["longest"], prompt),
        "output": tokens["output"] + answer,
        "marked": tokens["marked"] + (MARK in line),
    }


def orphans(ledger: Ledger, provider: str) -> None:
    """A shard without a receipt was cut off by a crash, or lost it: give it one, so nothing is forgotten."""
    for path in sorted(ledger.ws.shards.glob("[0-9]*-*.jsonl")):
        if path.stem not in ledger.receipts:
            ledger.save(_receipt(path, provider))


def _receipt(path: Path, provider: str) -> Receipt:
    whole, count, size = hashlib.sha256(), 0, 0
    with path.open("rb", buffering=BUFFER) as stream:
        for line in stream:
            whole.update(line)
            count, size = count + 1, size + len(line)
    return Receipt(path.stem, provider, count, size, whole.hexdigest())


def _over(value: int, most: int | None) -> bool:
    return most is not None and value > most

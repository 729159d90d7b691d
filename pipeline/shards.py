"""Shards: the requests of a batch cut into files that the service takes, written once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from pipeline.errors import InputError
from pipeline.files import BUFFER, atomic, escape, publish
from pipeline.ledger import Ledger, Receipt
from pipeline.provider import Limits, Provider


def encode(provider: Provider, request: dict) -> bytes:
    """The request as the line that is sent."""
    return escape(provider.encode(request))


def split(lines: Iterable[bytes], limits: Limits) -> Iterator[tuple[int, bytes]]:
    """Each line with the number of its shard, from 0: as many to a shard as the limits allow."""
    shard = count = size = 0
    for line in lines:
        if count and (_over(count + 1, limits.max_requests) or _over(size + len(line) + 1, limits.max_bytes)):
            shard, count, size = shard + 1, 0, 0
        count, size = count + 1, size + len(line) + 1
        yield shard, line


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


def write(
    ledger: Ledger, provider: str, lines: Iterable[bytes], limits: Limits, model: str = ""
) -> Iterator[Receipt]:
    """Write the lines, which all ask `model`, as shards, each with a receipt that says `planned`."""
    for _, group in groupby(split(lines, limits), key=lambda pair: pair[0]):
        yield _write(ledger, provider, (line for _, line in group), model)


def _write(ledger: Ledger, provider: str, lines: Iterable[bytes], model: str) -> Receipt:
    whole, count, size = hashlib.sha256(), 0, 0
    draft = ledger.ws.shards / "draft"  # the name holds the hash, which is known at the end
    with atomic(draft) as stream:
        for line in lines:
            stream.write(line + b"\n")
            whole.update(line + b"\n")
            count, size = count + 1, size + len(line) + 1
    name = f"{ledger.next_number():04d}-{whole.hexdigest()[:8]}"
    publish(draft, ledger.ws.shards / f"{name}.jsonl")
    return ledger.save(Receipt(name, provider, count, size, whole.hexdigest(), model))


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

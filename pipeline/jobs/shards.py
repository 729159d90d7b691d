"""Shards: the requests of a batch cut into files that the service takes, written once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import orjson

from pipeline.base.atomic_files import BUFFER, durable, publish
from pipeline.batch.request_kind import Kind
from pipeline.batch.request_line import identity
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.shard_size import split
from pipeline.jobs.token_counts import NONE, Counted, tally
from pipeline.provider import Limits


def write(ledger: Ledger, provider: str, lines: Iterable[Counted], limits: Limits, kind: Kind) -> Iterator[Receipt]:
    """Write the lines, all of one kind, as shards, each with a receipt that says `cancelled`: it counts for nothing
    until somebody has agreed to pay, whatever kills us before that."""
    for _, group in groupby(split(lines, limits), key=lambda pair: pair[0]):
        yield ledger.save(written(ledger, provider, (one for _, one in group), kind), state="cancelled")


def written(ledger: Ledger, provider: str, lines: Iterable[Counted], kind: Kind) -> Receipt:
    """Write the lines as one shard; its receipt is not saved yet."""
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
    return Receipt(name, provider, count, size, whole.hexdigest(), *kind, tokens=tokens)


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

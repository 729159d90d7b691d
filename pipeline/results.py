"""The stage `results`: exactly one line per request of the batch, in batch order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, BinaryIO

import orjson

import schemas
from pipeline import shards
from pipeline.errors import DamagedError, IncompleteError, clean
from pipeline.files import BUFFER, atomic
from pipeline.ledger import Ledger, Receipt, identity
from pipeline.provider import Provider, Result
from pipeline.validate import Faults, records
from pipeline.workspace import Workspace

# What became of a request that has no line in the output of a job that ended so.
UNANSWERED = {
    "completed": ("missing", "the job completed without a line for this request"),
    "failed": ("error", "the job failed"),
    "expired": ("expired", "the job expired before this request was answered"),
    "cancelled": ("cancelled", "the job was cancelled before this request was answered"),
}
SHIFT = 48  # bits for a place in an output file


def merge(ws: Workspace, ledger: Ledger, provider: Provider, say: Callable[[str], None]) -> Counter[str]:
    """Write results.jsonl; returns how many requests had each outcome, "cut" among them.

    Raises IncompleteError for a request that no shard holds. Memory: a few words per request.
    """
    receipts = list(ledger)
    places = _places(ledger, receipts, provider, say)
    counts: Counter[str] = Counter()
    with atomic(ws.results) as out, ExitStack() as stack:
        outputs = [_open(ledger, receipt, stack) for receipt in receipts]
        for key, carried in _batch(ws, provider):
            receipt, result = _answer(places, key, receipts, outputs, provider)
            row = _row(carried, receipt, result, provider)
            counts[row["outcome"]] += 1
            counts["cut"] += row["outcome"] == "ok" and row["finish_reason"] == "length"
            if not schemas.is_valid("result")(row):
                raise DamagedError(f"{ws.results}: {next(schemas.faults('result', row))}")
            out.write(orjson.dumps(row))
            out.write(b"\n")
    return counts


def answered(ledger: Ledger, receipt: Receipt, provider: Provider) -> set[str]:
    """The custom_ids of a shard that have an answer."""
    with ExitStack() as stack:
        stream = _open(ledger, receipt, stack)
        decoded = map(provider.decode, stream or ())
        return {result.custom_id for result in decoded if result.ok and result.custom_id}


def _open(ledger: Ledger, receipt: Receipt, stack: ExitStack) -> BinaryIO | None:
    if receipt.output is None:
        return None
    path = ledger.output(receipt)
    if not path.exists() or path.stat().st_size != receipt.output["bytes"]:
        raise DamagedError(f"{path} is missing or not what was downloaded; restore the file")
    return stack.enter_context(path.open("rb"))


def _places(
    ledger: Ledger, receipts: list[Receipt], provider: Provider, say: Callable[[str], None]
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
        for offset, ok, key in _scan(ledger, receipt, provider, keys, say):
            before = places[key]
            if (ok and not (_ok(before) and before >> SHIFT + 1 == number)) or not _ok(before):
                places[key] = (number * 2 + ok << SHIFT) + offset + 1
    return places


def _ok(place: int) -> bool:
    return bool(place >> SHIFT & 1)


def _scan(
    ledger: Ledger, receipt: Receipt, provider: Provider, keys: dict[str, bytes], say: Callable[[str], None]
) -> Iterator[tuple[int, bool, bytes]]:
    """Offset, whether it is an answer, and request of each line of an output; says what is odd about it."""
    offset, path, odd, seen = 0, ledger.output(receipt), Faults(), set()
    with ExitStack() as stack:
        for number, line in enumerate(_open(ledger, receipt, stack) or (), 1):
            if line.strip():
                result = provider.decode(line)
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


def _batch(ws: Workspace, provider: Provider) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Identity of each request of the batch, and what its result carries over from the transcript."""
    faults = Faults()
    advice = "run `make -B batch`"
    if not ws.index.exists():
        raise DamagedError(f"{ws.index} is missing; {advice}")
    with ws.index.open("rb", buffering=BUFFER) as index:
        for _, request in records(ws.batch, "request", faults):
            carried = orjson.loads(index.readline() or b"{}")
            if carried.get("custom_id") != request["custom_id"]:
                raise DamagedError(f"{ws.index} does not belong to {ws.batch}; {advice}")
            yield identity(shards.encode(provider, request)), carried
    faults.check(advice)


def _answer(
    places: dict[bytes, int],
    key: bytes,
    receipts: list[Receipt],
    outputs: list[BinaryIO | None],
    provider: Provider,
) -> tuple[Receipt, Result | None]:
    """The receipt that has the request, and its decoded line if there is one."""
    place = places.get(key)
    if place is None:
        raise IncompleteError("requests of the batch were never submitted; run `make submit` to send them")
    number, offset = place >> SHIFT + 1, place & (1 << SHIFT) - 1
    if not offset:
        return receipts[number], None
    stream = outputs[number]
    stream.seek(offset - 1)
    return receipts[number], provider.decode(stream.readline())


def _row(carried: dict[str, Any], receipt: Receipt, result: Result | None, provider: Provider) -> dict[str, Any]:
    if result is None:
        outcome, why = UNANSWERED[receipt.state]
        reason = f"{why}: {receipt.error}" if receipt.error else why
        result = Result(None, False, error={"message": clean(reason), "code": None})
    else:
        outcome = "ok" if result.ok else result.outcome
    return {
        "id": carried["id"],
        "custom_id": carried["custom_id"],
        "outcome": outcome,
        "text": result.text,
        "error": result.error,
        "finish_reason": result.finish_reason,
        "model": result.model,
        "usage": result.usage,
        "provider": provider.name,
        "job": receipt.ref["id"] if receipt.ref else None,
        "title": carried["title"],
        "show": carried["show"],
        "published": carried["published"],
        "metadata": carried["metadata"],
    }

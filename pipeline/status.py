"""Where a run stands, from the files alone: no network, no lock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import orjson

from pipeline.errors import clean
from pipeline.files import BUFFER
from pipeline.ledger import Ledger
from pipeline.words import many
from pipeline.workspace import Workspace


def status(ws: Workspace) -> Iterator[str]:
    """The lines to print; the last one says what to type next."""
    yield f"run {ws.run}, provider {ws.provider}: {ws.root}"
    ledger = Ledger(ws)
    yield from _jobs(ledger)
    if _fresh(ws):
        counts = outcomes(ws)
        yield f"results  {total(counts)}: {ws.results}"
    yield f"next     {_next(ws, ledger)}"


def outcomes(ws: Workspace) -> Counter[str]:
    """How many lines of results.jsonl have each outcome."""
    with ws.results.open("rb", buffering=BUFFER) as stream:
        return Counter(orjson.loads(line)["outcome"] for line in stream)


def total(counts: Counter[str]) -> str:
    """`298 requests: 290 ok, 8 error`."""
    parts = ", ".join(f"{counts[name]:,} {name}" for name in OUTCOMES if counts[name])
    return f"{many(sum(counts[name] for name in OUTCOMES), 'request')}: {parts}"


OUTCOMES = ("ok", "error", "expired", "cancelled", "missing")


def _jobs(ledger: Ledger) -> Iterator[str]:
    for receipt in ledger:
        state = receipt.state if receipt.settled or not receipt.ended else f"{receipt.state}, not fetched yet"
        done = f"{receipt.done:,} of " if receipt.done is not None and not receipt.ended else ""
        job = receipt.ref["id"] if receipt.ref else "no job yet"
        yield f"shard    {receipt.shard}  {state:<10}  {done}{many(receipt.requests, 'request')}  {job}"
        if receipt.error:
            yield f"         {clean(receipt.error)}"


def _fresh(ws: Workspace) -> bool:
    newer = ws.results.exists() and ws.submitted.exists()
    return newer and ws.results.stat().st_mtime_ns >= ws.submitted.stat().st_mtime_ns


def _next(ws: Workspace, ledger: Ledger) -> str:
    begun = list(ledger)
    if any(receipt.unstarted or receipt.state == "starting" for receipt in begun):
        return "a submit was interrupted: `make submit` finishes it"
    if not ws.batch.exists():
        given = "" if ws.inputs.exists() else " TRANSCRIPTS=…"
        return f"`make batch{given}` turns transcripts into requests (free)"
    if not ws.submitted.exists() or ws.batch.stat().st_mtime_ns > ws.submitted.stat().st_mtime_ns:
        return "`make submit` sends what has no job yet (the only goal that costs money)"
    if not all(receipt.settled for receipt in begun):
        return "`make results`, or `make results WAIT=1` to wait for the jobs"
    if not _fresh(ws):
        return "`make results` collects the answers"
    counts = outcomes(ws)
    failed = sum(counts.values()) - counts["ok"]
    return f"`make submit RETRY=1` sends the {failed:,} without an answer again" if failed else "nothing: complete"

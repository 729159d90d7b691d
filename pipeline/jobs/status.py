"""Where a run stands, from the files alone: no network, no lock."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from pipeline.base.files import BUFFER
from pipeline.base.humanize import dollars, many
from pipeline.base.workspace import Workspace
from pipeline.errors import clean
from pipeline.jobs.bill import Bill, bill
from pipeline.jobs.ledger import Ledger, identity
from pipeline.money.cost import Tariff

PLACE = re.compile(rb',"at":\d+,"line":"\w+"}\n?\Z')  # what a row of made/ has besides that of the index


def status(ws: Workspace, tariff: Callable[[], Tariff]) -> Iterator[str]:
    """The lines to print; the last one says what to type next. The tariff is asked for when something was paid."""
    yield f"run {ws.run}, provider {ws.provider}: {ws.root}"
    ledger = Ledger(ws)
    yield from _jobs(ledger)
    if _fresh(ws):
        counts = outcomes(ws)
        yield f"results  {total(counts)}: {ws.results}"
    if any(receipt.usage for receipt in ledger):
        yield from (f"{label:<8} {words}" for label, words in costs(ledger, tariff()))
    yield f"next     {_next(ws, ledger)}"


def outcomes(ws: Workspace) -> Counter[str]:
    """How many lines of results.jsonl have each outcome."""
    with ws.results.open("rb", buffering=BUFFER) as stream:
        return Counter(orjson.loads(line)["outcome"] for line in stream)


def total(counts: Counter[str]) -> str:
    """`298 requests: 290 ok, 8 error`."""
    parts = ", ".join(f"{counts[name]:,} {name}" for name in OUTCOMES if counts[name])
    return f"{many(rows(counts), 'request')}: {parts}"


def rows(counts: Counter[str]) -> int:
    """How many requests there are; "cut" and "refused" are counted beside their outcomes."""
    return sum(counts[name] for name in OUTCOMES)


OUTCOMES = ("ok", "error", "expired", "cancelled", "invalid", "missing", "unsent")


def costs(ledger: Ledger, tariff: Tariff) -> Iterator[tuple[str, str]]:
    """What the run has cost; and, where it has several prompts, each of them."""
    yield "cost", money(bill(ledger, tariff))
    names = list(dict.fromkeys(receipt.prompt for receipt in ledger if not receipt.unstarted))
    for name in names if len(names) > 1 else ():
        yield "", f"{name or 'no prompt'}: {money(bill([r for r in ledger if r.prompt == name], tariff))}"


def money(bill: Bill) -> str:
    """`$2.71 in 3 jobs; $2.40 was expected, $3.10 at most; 50 % less than $5.42 at once`."""
    tokens = f"{bill.input:,} tokens in and {bill.output:,} out in {many(bill.jobs, 'job')}"
    running = f"; {many(bill.open, 'job')} still open" if bill.open else ""
    if bill.uncounted:
        most = f"; {dollars(bill.most)} at most" if bill.most is not None else ""
        return f"not known: {many(bill.uncounted, 'answer')} came without a count of tokens{most}{running}"
    if bill.cost is None:
        return f"not known: {tokens}{running}; PRICE_IN and PRICE_OUT give the price of a million"
    most = " at most, as no batch price is published" if bill.bound else ""
    words = [f"{dollars(bill.cost)}{most}: {tokens}{running}"]
    if bill.estimate.cost is not None:
        words.append(f"{dollars(bill.estimate.cost)} was expected, {dollars(bill.estimate.cost_most)} at most")
    if bill.seconds and bill.most is not None:
        words.append(f"{dollars(bill.most)} at most with {many(bill.seconds, 'second job')}, found and cancelled")
    if bill.full and bill.cost < bill.full:
        words.append(f"{1 - bill.cost / bill.full:.0%} less than {dollars(bill.full)} at once".replace("%", " %"))
    return "; ".join(words)


def _jobs(ledger: Ledger) -> Iterator[str]:
    for receipt in ledger:
        state = receipt.state if receipt.settled or not receipt.ended else f"{receipt.state}, not fetched yet"
        done = f"{receipt.done:,} of " if receipt.done is not None and not receipt.ended else ""
        none = f"up to {many(receipt.lost, 'job')} that cannot be found" if receipt.lost else "no job yet"
        job = receipt.ref["id"] if receipt.ref else none
        yield f"shard    {receipt.shard}  {state:<10}  {done}{many(receipt.requests, 'request')}  {job}"
        if receipt.error:
            yield f"         {clean(receipt.error)}"


def _fresh(ws: Workspace) -> bool:
    newer = ws.results.exists() and ws.submitted.exists()
    return newer and ws.results.stat().st_mtime_ns >= ws.submitted.stat().st_mtime_ns


def _all_sent(ws: Workspace, ledger: Ledger) -> bool:
    """Whether each row of the index is one of a shard that was started: nothing is new, though the batch is."""
    paths = [ledger.made(receipt) for receipt in ledger if not receipt.unstarted]
    sent = {identity(PLACE.sub(b"}", line)) for path in paths if path.exists() for line in _lines(path)}
    return ws.index.exists() and all(identity(line.rstrip()) in sent for line in _lines(ws.index))


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=BUFFER) as stream:
        yield from stream


def _next(ws: Workspace, ledger: Ledger) -> str:
    begun = list(ledger)
    if any(receipt.state == "starting" for receipt in begun):
        return "a submit was interrupted: `make submit` finishes it"
    if lost := [receipt for receipt in begun if receipt.doubted]:
        return f"`make submit` looks again for the job of {lost[0].shard}; REPLACE=1 pays once more"
    if planned := sum(receipt.requests for receipt in begun if receipt.unstarted):
        return f"`make submit` sends what is planned: {many(planned, 'request')}"
    if not ws.batch.exists():
        given = "" if ws.inputs.exists() else " TRANSCRIPTS=…"
        return f"`make batch{given}` turns transcripts into requests (free)"
    if not begun:
        return "`make submit` sends what has no job yet (the goal that costs money)"
    newer = not ws.submitted.exists() or ws.batch.stat().st_mtime_ns > ws.submitted.stat().st_mtime_ns
    if newer and not _all_sent(ws, ledger):
        return "`make plan` says what is new in the batch, and `make submit` sends it (the goal that costs money)"
    if not all(receipt.settled for receipt in begun):
        return "`make results`, or `make results WAIT=1` to wait for the jobs"
    if not _fresh(ws):
        return "`make results` collects the answers"
    counts = outcomes(ws)
    if counts["unsent"]:
        return "`make submit` sends what was not sent yet"
    failed = sum(counts.values()) - counts["ok"]
    return "`make submit RETRY=1` sends what has no answer again" if failed else "nothing: complete"

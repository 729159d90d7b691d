"""Where a run stands, from the files alone: no network, no lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pipeline.base.humanize import many
from pipeline.base.workspace import Workspace
from pipeline.errors import clean
from pipeline.jobs.bill import bill
from pipeline.jobs.cost_words import costs
from pipeline.jobs.count_outcomes import changed, outcomes, requests, total, unsent
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.next_goal import fresh, next_goal
from pipeline.money.tariff import Tariff


def status(ws: Workspace, tariff: Callable[[], Tariff]) -> Iterator[str]:
    """The lines to print; the last one says what to type next. The tariff is asked for when something was paid."""
    yield f"run {ws.run}, provider {ws.provider}: {ws.root}"
    ledger = Ledger(ws)
    yield from _jobs(ledger)
    doubted = sum(receipt.requests for receipt in ledger if receipt.in_doubt)
    if (left := unsent(ws) - doubted) > 0:
        other = f"; {changed(ws):,} was sent with another body, `make plan` shows it" if changed(ws) else ""
        yield f"unsent   {many(left, 'request')} of the batch{other or ', which `make submit` sends'}"
    if ws.results.exists():
        before = "" if fresh(ws) else "before the last submit: "
        yield f"results  {before}{total(outcomes(ws))}: {ws.results}"
    if any(receipt.usage for receipt in ledger):
        yield from (f"{label:<8} {words}" for label, words in costs(ledger, tariff()))
    yield f"next     {next_goal(ws, ledger)}"


def facts(ws: Workspace, tariff: Callable[[], Tariff]) -> dict[str, Any]:
    """The same for programs. `outcomes` is None where there are no results of the last submit; dollars are None
    where they are not known."""
    ledger = Ledger(ws)
    paid = bill(ledger.paid(), tariff()) if any(receipt.begun for receipt in ledger) else None
    done = ("shard", "state", "cancelling", "requests", "done", "error", "lost")
    return {
        "run": ws.run,
        "provider": ws.provider,
        "folder": str(ws.root),
        "requests": requests(ws),
        "jobs": [
            {"job": one.ref["id"] if one.ref else None, **{name: getattr(one, name) for name in done}}
            for one in ledger
        ],
        "unsent": unsent(ws),
        "outcomes": dict(outcomes(ws)) if fresh(ws) else None,
        "cost": paid.cost if paid else 0.0,
        "cost_most": paid.most if paid else 0.0,
        "next": next_goal(ws, ledger),
    }


def _jobs(ledger: Ledger) -> Iterator[str]:
    for receipt in ledger:
        state = receipt.state if receipt.settled or not receipt.ended else f"{receipt.state}, not fetched yet"
        state = "asked to cancel" if receipt.cancelling and not receipt.ended else state
        done = f"{receipt.done:,} of " if receipt.done is not None and not receipt.ended else ""
        none = f"up to {many(receipt.lost, 'job')} may be paid" if receipt.lost else "no job yet"
        job = receipt.ref["id"] if receipt.ref else none
        yield f"shard    {receipt.shard}  {state:<10}  {done}{many(receipt.requests, 'request')}  {job}"
        if receipt.error:
            yield f"         {clean(receipt.error)}"

"""All runs, and where each stands: the command `runs`; and the run that a goal names, which may not be there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pipeline.base.humanize import age, dollars
from pipeline.base.workspace import NAME, RUNS, Workspace
from pipeline.batch.run_yaml import current
from pipeline.errors import InputError, PipelineError, clean
from pipeline.jobs.cost_so_far import committed
from pipeline.jobs.count_outcomes import outcomes, requests
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.next_goal import fresh, next_goal
from pipeline.money.tariff import Tariff

NAMED = 8  # runs that an error names
HEAD = ("RUN", "PROVIDER", "REQUESTS", "ANSWERED", "COST AT MOST", "AGE", "")


def runs() -> list[Workspace]:
    """Every folder of a run with a provider, the newest last."""
    folders = [path for path in RUNS.glob("*/*/") if NAME.fullmatch(path.parent.name) and NAME.fullmatch(path.name)]
    return [Workspace(path.parent.name, path.name) for path in sorted(folders, key=_changed)]


def listed(tariff: Callable[[str], Tariff]) -> Iterator[dict[str, Any]]:
    """The facts of each, in its order, and what to type next; `tariff` gives that of a provider. `answered` is None
    before there are results of the last submit, `cost_most` in US dollars, None if it is not known; `age` in
    seconds. Of a damaged one `next` says why."""
    for ws in runs():
        try:
            yield _facts(ws, tariff)
        except PipelineError as error:
            yield {"run": ws.run, "provider": ws.provider, "next": clean(error, 100)}


def cells(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """As HEAD."""
    if "requests" not in facts:
        return facts["run"], facts["provider"], "", "", "", "", facts["next"]
    good, spent = facts["answered"], facts["cost_most"]
    paid = "not known" if spent is None else dollars(spent) if facts["begun"] else ""
    counts = f"{facts['requests']:,}", "" if good is None else f"{good:,}"
    return facts["run"], facts["provider"], *counts, paid, age(facts["age"]), facts["next"]


def _facts(ws: Workspace, tariff: Callable[[str], Tariff]) -> dict[str, Any]:
    ledger = Ledger(ws)
    begun = sum(receipt.requests for receipt in ledger if receipt.begun)
    return {
        "run": ws.run,
        "provider": ws.provider,
        "requests": requests(ws),
        "begun": begun,
        "answered": outcomes(ws)["ok"] if ws.results.exists() and fresh(ws) else None,
        "cost_most": committed(ledger.paid(), tariff(ws.provider)) if begun else 0.0,
        "age": round(time.time() - _changed(ws.root)),
        "next": next_goal(ws, ledger),
    }


def known(ws: Workspace, begins: bool = False) -> None:
    """Raises InputError for a run that is at another provider, or is not there and does not begin."""
    if ws.root.exists():
        return
    others = sorted({other.provider for other in runs() if other.run == ws.run and _has_something(other)})
    if others:
        out = ", or leave PROVIDER out" if current(ws) != ws.provider else ""
        raise InputError(
            f"{ws.run} is at {' and '.join(others)}, not at {ws.provider}: `make batch PROVIDER={ws.provider}` "
            f"makes requests for there (free); the answers are at PROVIDER={others[0]}{out}"
        )
    if begins:
        return
    names = list(dict.fromkeys(other.run for other in runs()))[-NAMED:]
    near = get_close_matches(ws.run, names, 1)
    there = f"{near[0]}?" if near else f"runs: {', '.join(names)}" if names else "there is none yet."
    more = "" if near or not names else " (`make runs` lists all)."
    name = "" if ws.run == "default" else f" RUN={ws.run}"
    raise InputError(f"no run `{ws.run}`; {there}{more} `make batch{name} TRANSCRIPTS=…` makes it")


def _has_something(ws: Workspace) -> bool:
    """A folder alone may be of a goal that was refused."""
    return any(path.exists() for path in (ws.batch, ws.asked, ws.jobs))


def _changed(path: Path) -> float:
    """When something of it was written last."""
    return max((one.stat().st_mtime for one in path.iterdir()), default=path.stat().st_mtime)

"""All runs, and where each stands: the command `runs`; and the run that a goal names, which may not be there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.base.humanize import age, aligned, dollars
from pipeline.base.workspace import NAME, RUNS, Workspace
from pipeline.errors import InputError, PipelineError, clean
from pipeline.jobs.cost_so_far import committed
from pipeline.jobs.count_outcomes import outcomes
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.next_goal import fresh, next_goal
from pipeline.money.tariff import Tariff

HEAD = ("RUN", "PROVIDER", "REQUESTS", "ANSWERED", "COST AT MOST", "AGE", "NEXT")


def runs() -> list[Workspace]:
    """Every folder of a run with a provider, the newest last."""
    folders = [path for path in RUNS.glob("*/*/") if NAME.fullmatch(path.parent.name) and NAME.fullmatch(path.name)]
    return [Workspace(path.parent.name, path.name) for path in sorted(folders, key=_changed)]


def listed(tariff: Callable[[str], Tariff]) -> Iterator[str]:
    """A line for each, under a heading; `tariff` gives that of a provider. One that is damaged says so."""
    rows = [HEAD]
    for ws in runs():
        try:
            rows.append(_row(ws, tariff))
        except PipelineError as error:
            rows.append((ws.run, ws.provider, "", "", "", "", clean(error, 100)))
    if len(rows) == 1:
        yield "no runs yet; `make batch TRANSCRIPTS=…` makes one"
        return
    yield from aligned(rows)


def _row(ws: Workspace, tariff: Callable[[str], Tariff]) -> tuple[str, ...]:
    ledger = Ledger(ws)
    asked = sum(1 for _ in ws.batch.open("rb")) if ws.batch.exists() else 0
    good = f"{outcomes(ws)['ok']:,}" if ws.results.exists() and fresh(ws) else ""
    begun = [receipt for receipt in ledger if receipt.begun]
    spent = committed(ledger.paid(), tariff(ws.provider)) if begun else 0.0
    paid = "not known" if spent is None else dollars(spent) if begun else ""
    return (
        ws.run,
        ws.provider,
        f"{asked:,}",
        good,
        paid,
        age(time.time() - _changed(ws.root)),
        next_goal(ws, ledger),
    )


def known(ws: Workspace) -> None:
    """Raises InputError for a run that is not there, or is at another provider."""
    if ws.root.exists():
        return
    others = sorted({other.provider for other in runs() if other.run == ws.run})
    if others:
        words = " and ".join(others)
        raise InputError(
            f"{ws.run} is at {words}, not at {ws.provider}; PROVIDER={others[0]}, or leave PROVIDER out"
        )
    names = ", ".join(dict.fromkeys(other.run for other in runs()))
    there = f"runs: {names}" if names else "there is none yet"
    name = "" if ws.run == "default" else f" RUN={ws.run}"
    raise InputError(f"no run `{ws.run}`; {there}. `make batch{name} TRANSCRIPTS=…` makes it")


def _changed(path: Path) -> float:
    """When something of it was written last."""
    return max((one.stat().st_mtime for one in path.iterdir()), default=path.stat().st_mtime)

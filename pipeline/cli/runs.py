"""The command `runs`."""

from __future__ import annotations

import click

from pipeline.cli.command import command
from pipeline.cli.given import Given
from pipeline.cli.main import tell
from pipeline.cli.named_run import named
from pipeline.cli.print_facts import print_json
from pipeline.cli.wrap import entries


@command("runs", "PRICE_IN PRICE_OUT JSON")
def runs(given: Given) -> None:
    """List all runs: requests, answers, cost, age, and what to type next (free, no network)."""
    from pipeline.jobs.runs import HEAD, listed
    from pipeline.money.tariff import Tariff
    from pipeline.plugins import find

    rows = listed(lambda name: Tariff(find.provider(name), given.PRICE_IN, given.PRICE_OUT))
    if given.JSON:
        names = ("run", "provider", "requests", "answered", "cost_at_most", "age", "next")
        whole = [dict(zip(names, row, strict=True)) | {"next": named(row[-1], row[0])} for row in rows]
        return print_json(whole)
    if not rows:
        return tell("no runs yet; `make batch TRANSCRIPTS=…` makes one")
    for line in entries([HEAD, *((*cells, named(goal, cells[0])) for *cells, goal in rows)]):
        click.echo(line)

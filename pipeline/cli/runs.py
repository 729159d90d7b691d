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
    from pipeline.jobs.runs import HEAD, cells, listed
    from pipeline.money.tariff import Tariff
    from pipeline.plugins import find

    rows = list(listed(lambda name: Tariff(find.provider(name), given.PRICE_IN, given.PRICE_OUT)))
    rows = [row | {"next": named(row["next"], row["run"])} for row in rows]
    if given.JSON:
        return print_json(rows)
    if not rows:
        return tell("no runs yet; `make batch TRANSCRIPTS=…` makes one")
    for line in entries([HEAD, *map(cells, rows)]):
        click.echo(line)

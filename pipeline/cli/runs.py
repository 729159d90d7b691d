"""The command `runs`."""

from __future__ import annotations

import click

from pipeline.cli.command import command
from pipeline.cli.given import Given


@command("runs", "PRICE_IN PRICE_OUT")
def runs(given: Given) -> None:
    """List all runs: requests, answers, cost, age, and what to type next (free, no network)."""
    from pipeline.jobs.runs import listed
    from pipeline.money.tariff import Tariff
    from pipeline.plugins import find

    for line in listed(lambda name: Tariff(find.provider(name), given.PRICE_IN, given.PRICE_OUT)):
        click.echo(line)

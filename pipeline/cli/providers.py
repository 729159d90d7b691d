"""The command `providers`."""

from __future__ import annotations

import click

from pipeline.cli.command import command
from pipeline.cli.given import Given


@command("providers", "")
def providers(given: Given) -> None:
    """List the provider plugins: keys, limits, discounts (free, no network)."""
    from pipeline.plugins.catalog import catalog

    click.echo("\n".join(catalog()))

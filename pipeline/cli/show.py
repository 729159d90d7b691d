"""The command `show`."""

from __future__ import annotations

import click

from pipeline.cli.command import command
from pipeline.cli.given import Given
from pipeline.cli.wrap import width


@command("show", "RUN PROVIDER")
def show(given: Given) -> None:
    """Print the answers for reading (free)."""
    from pipeline.results.show import show

    given.known()
    click.echo("\n".join(show(given.ws, width())))

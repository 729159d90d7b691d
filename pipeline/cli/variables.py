"""The command `variables`: names that nobody reads, asked by make before a goal runs."""

from __future__ import annotations

from contextlib import suppress

import click

from pipeline.cli.main import main
from pipeline.errors import PipelineError
from pipeline.variables import unknown


@main.command(hidden=True)
@click.argument("provider")
@click.argument("names", nargs=-1)
def variables(provider: str, names: tuple[str, ...]) -> None:
    """Say which of these names are typing errors; what the plugin declares is none (free)."""
    click.echo("; ".join(unknown(provider, names, _declared(provider))) or "fine")


def _declared(provider: str) -> tuple[str, ...]:
    from pipeline.plugins import find

    with suppress(PipelineError):  # a plugin that does not load is told by the goal
        return tuple(find.provider(provider).variables)
    return ()

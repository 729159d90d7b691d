"""The command `preview`."""

from __future__ import annotations

import click

from pipeline.cli.command import command
from pipeline.cli.given import Given
from pipeline.cli.wrap import wrapped


@command("preview", "RUN PROVIDER ID JSON")
def preview(given: Given) -> None:
    """Show the request for one transcript, as it would be sent (free, no network)."""
    from pipeline.batch.preview import preview
    from pipeline.jobs.ledger import Ledger
    from pipeline.jobs.sent_line import line_of

    given.known()
    ws, plugin = given.ws, given.plugin
    for line in preview(ws, lambda request: line_of(Ledger(ws), plugin, request), given.ID, given.JSON):
        click.echo(line if given.JSON else wrapped(line, 0))

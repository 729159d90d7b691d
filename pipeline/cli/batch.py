"""The command `batch`."""

from __future__ import annotations

import click

from pipeline.base.humanize import many
from pipeline.cli.command import command
from pipeline.cli.given import Given
from pipeline.cli.main import say
from pipeline.cli.options import ASKING


@command("batch", f"RUN PROVIDER files {' '.join(ASKING)} VERBOSE")
def batch(given: Given) -> None:
    """Turn transcripts into requests, one a line (free). FILES are read first, as `transcripts` does."""
    from pipeline.base.lock import lock
    from pipeline.cli import asking, inputs
    from pipeline.jobs.older_workspaces import remember

    remember(given.ws, lambda: given.plugin)
    asked = asking.asked(given)
    with lock(given.ws.lock, "batch"):
        if given.files:
            inputs.read(given, list(given.files))
        count = _batch(given, asked)
    click.echo(f"{many(count, 'request')} for {', '.join(dict.fromkeys(one.model for one in asked))}")


def _batch(given: Given, asked: list) -> int:
    """What was sent before is handed to the stage here: it knows no ledger."""
    from pipeline.batch.build_requests import batch
    from pipeline.jobs.keep_as_sent import Kept
    from pipeline.jobs.ledger import Ledger

    before = Kept(Ledger(given.ws))
    return batch(given.ws, given.plugin, asked, before, given.OVERLAP, given.VERBOSE, say)

"""The command `settings`."""

from __future__ import annotations

from pipeline.cli.command import command
from pipeline.cli.given import Given
from pipeline.cli.options import ASKING, READING


@command("settings", f"RUN PROVIDER files {READING} {ASKING}")
def settings(given: Given) -> None:
    """Stamp the variables and inputs for Make (free)."""
    from pipeline.batch.remembered_settings import settings
    from pipeline.cli import asking, inputs
    from pipeline.jobs.older_workspaces import remember

    remember(given.ws, lambda: given.plugin)
    reading = inputs.reading(given)
    settings(given.ws, reading, asking.stamp(given), inputs.files(given, reading.transcripts))

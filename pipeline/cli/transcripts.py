"""The command `transcripts`."""

from __future__ import annotations

from pipeline.cli.command import command
from pipeline.cli.given import Given
from pipeline.cli.options import READING


@command("transcripts", f"RUN PROVIDER files {READING} WORKERS VERBOSE")
def transcripts(given: Given) -> None:
    """Read transcripts as people have them, one a line (free)."""
    from pipeline.base.lock import lock
    from pipeline.cli import inputs
    from pipeline.jobs.older_workspaces import remember

    remember(given.ws, lambda: given.plugin)
    reading = inputs.reading(given)
    if (found := inputs.found(given, reading)) is None:
        return
    with lock(given.ws.lock, "transcripts"):
        inputs.read(given, found, reading.encoding, reading.errors == "skip", given.WORKERS)
    if given.own:
        from pipeline.cli.keep import keep_reading

        keep_reading(given, reading)

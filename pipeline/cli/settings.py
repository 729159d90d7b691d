"""The command `settings`."""

from __future__ import annotations

import os

from pipeline.cli.check_line import check_line
from pipeline.cli.command import command
from pipeline.cli.from_make import MAKES, goals
from pipeline.cli.given import Given
from pipeline.cli.main import say
from pipeline.cli.mistyped import check_types
from pipeline.cli.options import ASKING, READING


@command("settings", f"RUN PROVIDER files {READING} {ASKING}")
def settings(given: Given) -> None:
    """Stamp the variables and inputs for Make (free)."""
    from pipeline.batch.remembered_settings import settings
    from pipeline.cli import asking, differences, inputs, keep
    from pipeline.jobs.older_workspaces import remember

    if goals() - {"transcripts", "batch"} and "batch" not in goals():
        named = "RUN" in given.typed and "TRANSCRIPTS" not in given.typed  # local.mk begins no run that is mistyped
        given.known(begins=bool(given.TRANSCRIPTS) and not named)
    check_types()
    plugin = given.plugin
    check_line(plugin)
    remember(given.ws, lambda: plugin)
    if given.as_made:
        differences.check_unchanged(given)
    if "batch" in goals() and given.ws.settings.exists() and differences.differ(given):
        os.utime(given.ws.settings)  # so that Make makes the batch anew
    reading = inputs.reading(given)
    gone = given.as_made and any(not path.exists() for path in asking.paths(given))
    found = inputs.found(given, reading)
    if found is None:
        say("the transcripts are gone: the batch is sent as it was made")
    settings(given.ws, reading, None if gone else asking.stamp(given), found)
    if goals() & MAKES:
        keep.keep_current(given)
        keep.keep_typed(given)

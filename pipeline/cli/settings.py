"""The command `settings`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.cli.check_line import check_line
from pipeline.cli.command import command
from pipeline.cli.from_make import AS_MADE, MAKES, goals
from pipeline.cli.given import Given
from pipeline.cli.main import say
from pipeline.cli.mistyped import check_types
from pipeline.cli.options import ASKING, READING
from pipeline.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.batch.remembered_settings import Reading


@command("settings", f"RUN PROVIDER files {READING} {ASKING}")
def settings(given: Given) -> None:
    """Stamp the variables and inputs for Make (free)."""
    from pipeline.batch.remembered_settings import settings
    from pipeline.cli import asking, differences, inputs, keep
    from pipeline.jobs.older_workspaces import remember

    named = "RUN" in given.typed and "TRANSCRIPTS" not in given.typed  # local.mk begins no run that is mistyped
    if goals() - {"transcripts", "batch"} and (named or not given.TRANSCRIPTS) and "batch" not in goals():
        given.known()
    check_types()
    plugin = given.plugin
    check_line(plugin)
    remember(given.ws, lambda: plugin)
    if goals() & MAKES:
        keep.keep_current(given)
    if _as_made(given):
        differences.check_unchanged(given)
    reading = inputs.reading(given)
    gone = _as_made(given) and any(not path.exists() for path in asking.paths(given))
    settings(given.ws, reading, None if gone else asking.stamp(given), _found(given, reading))
    if goals() & MAKES:
        keep.keep_typed(given)


def _as_made(given: Given) -> bool:
    """Whether the goals pay for the batch that is there, and do not make it."""
    ws, own = given.ws, given.own
    begun = ws.batch.exists() or ws.asked.exists() or (own is not None and own.made)
    return bool(goals() & AS_MADE) and not goals() & {"batch", "transcripts"} and begun


def _found(given: Given, reading: Reading) -> list[Path] | None:
    """The input; None if it is gone and a batch was made of it, which can be sent without."""
    from pipeline.cli import inputs

    try:
        return inputs.files(given, reading.transcripts)
    except InputError as error:
        if not _as_made(given):
            raise
        say(f"{error}: the batch is sent as it was made")
        return None

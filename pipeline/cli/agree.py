"""The command `agree`."""

from __future__ import annotations

from pipeline.cli.check_line import check_line
from pipeline.cli.command import command
from pipeline.cli.given import Given
from pipeline.cli.main import say
from pipeline.cli.options import ASKING, READING


@command("agree", f"RUN PROVIDER files {READING} {ASKING}", hidden=True)
def agree(given: Given) -> None:
    """Say which variables a goal that only reads does not take, as the run has its own (free)."""
    from pipeline.cli.differences import told

    check_line(given.plugin)
    for line in told(given):
        say(line)

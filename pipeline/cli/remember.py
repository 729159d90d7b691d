"""The command `remember`."""

from __future__ import annotations

from pipeline.cli.command import command
from pipeline.cli.given import Given


@command("remember", "RUN PROVIDER", hidden=True)
def remember(given: Given) -> None:
    """Write down what older releases sent, before `make clean` removes what tells it (free)."""
    from pipeline.jobs.older_workspaces import remember

    remember(given.ws, lambda: given.plugin)

"""The command `remember`."""

from __future__ import annotations

from pipeline.cli.command import command
from pipeline.cli.given import Given


@command("remember", "RUN PROVIDER", hidden=True)
def remember(given: Given) -> None:
    """Write down what older releases sent, before `make clean` removes what tells it (free). Refuses where it could
    not be made again."""
    from pipeline.batch.remembered_settings import stamped
    from pipeline.errors import InputError
    from pipeline.jobs.ledger import Ledger
    from pipeline.jobs.older_workspaces import remember
    from pipeline.transcripts.find_files import paths

    remember(given.ws, lambda: given.plugin)
    words = stamped(given.ws.inputs).get("transcripts", "")
    if given.ws.batch.exists() and any(receipt.begun for receipt in Ledger(given.ws)):
        try:
            paths(words)
        except InputError as error:
            raise InputError(
                f"{error}; without them what was paid could not be collected again: nothing was removed"
            ) from None

"""The command `cancel`."""

from __future__ import annotations

from pipeline.base.humanize import many
from pipeline.cli.command import command
from pipeline.cli.given import Given
from pipeline.cli.main import say, tell


@command("cancel", "RUN PROVIDER SETTLE ACCOUNT")
def cancel(given: Given) -> None:
    """End all running jobs early; finished rows stay paid and are still fetched."""
    from pipeline.base.lock import lock
    from pipeline.jobs.cancel import cancel
    from pipeline.jobs.same_account import same_account

    given.known()
    ws, plugin = given.ws, given.plugin
    with lock(ws.lock, "cancel"):
        starter = given.starter()
        same_account(starter.ledger, plugin, given.ACCOUNT)
        count = cancel(starter.ledger, plugin, starter, say)
    asked = f"asked {many(count, 'job')} to end; `make results` fetches what they finished"
    tell(asked if count else "no job runs")

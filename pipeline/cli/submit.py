"""The command `submit`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from pipeline.base.humanize import many
from pipeline.cli import adopt
from pipeline.cli.check_line import check
from pipeline.cli.command import command
from pipeline.cli.given import Given
from pipeline.cli.main import tell
from pipeline.cli.notify import notifying
from pipeline.cli.options import ASKING, CORRECTING, PLANNING, READING
from pipeline.cli.print_facts import even_then, print_facts
from pipeline.errors import InputError

OWN = "SETTLE ADOPT REQUESTS AGAIN ACCOUNT PARTIAL CONFIRM YES WAIT POLL NOTIFY JSON no_new_jobs"


@command("submit", f"RUN PROVIDER {PLANNING} {CORRECTING} CONTEXT {OWN}", also=f"{READING} {ASKING}")
def submit(given: Given) -> None:
    """Start jobs for requests that have none: the command that costs money."""
    from pipeline.sending.until_all_sent import sendall

    if given.no_new_jobs:  # a step of another goal: that has the notice, unless it ends here
        with notifying(given, "results", last=False):
            sendall(given.watch(), given.asked, wait=given.WAIT, new_jobs=False)
        return None
    with even_then(given):
        return _submit(given)


def _submit(given: Given) -> None:
    from pipeline.jobs.ledger import Ledger
    from pipeline.jobs.next_goal import next_goal
    from pipeline.sending.until_all_sent import sendall

    check(given)
    if adopt.wanted(given):
        return adopt.done(given)
    if given.ADOPT.strip():
        raise InputError(f"ADOPT={given.ADOPT} takes over nothing: leave it out; nothing is sent")
    if given.REQUESTS:
        raise InputError("REQUESTS is for ADOPT=…, to take over a job that was started with it; nothing is sent")
    ask = _ask if sys.stdin.isatty() and sys.stderr.isatty() else None
    with notifying(given, "submit"):
        done = sendall(given.watch(), given.asked, wait=given.WAIT, ask=ask)
    if given.JSON:
        return print_facts(given, sent_now=done["sent_now"], unsent=done["unsent"])
    tell(_said(done))
    if given.ID and not done["sent_now"] and not given.REPLACE:
        tell("of ID= none is unsent: RETRY=1 sends those that failed, REPLACE=1 those that have an answer again")
    return tell(f"next: {next_goal(given.ws, Ledger(given.ws))}")


def _ask(question: str) -> bool:
    return click.confirm(question, err=True)


def _said(done: Mapping[str, Any]) -> str:
    sent = f"{done['sent_now']:,} sent now" if done["sent_now"] else "nothing is sent"
    whole = f"{many(done['requests'], 'request')} in {many(len(done['jobs']), 'job')}"
    if done["unsent"]:
        how = "not sent as the batch has them now" if done["changed"] else "not sent yet"
        whole = f"{done['unsent']:,} of {many(done['requests'], 'request')} {how}"
    return f"{sent}; {whole}"

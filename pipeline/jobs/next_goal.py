"""What to type next, as the files of a run stand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.base.atomic_files import BUFFER
from pipeline.base.humanize import many
from pipeline.base.workspace import Workspace
from pipeline.batch.request_line import identity
from pipeline.jobs.count_outcomes import changed, outcomes
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.sent_rows import without_place


def fresh(ws: Workspace) -> bool:
    """Whether the results are of the last submit."""
    newer = ws.results.exists() and ws.submitted.exists()
    return newer and ws.results.stat().st_mtime_ns >= ws.submitted.stat().st_mtime_ns


def _all_sent(ws: Workspace, ledger: Ledger) -> bool:
    """Whether each row of the index is one of a shard that was started: nothing is new, though the batch is."""
    paths = [ledger.made(receipt) for receipt in ledger if not receipt.unstarted]
    sent = {identity(without_place(line)) for path in paths if path.exists() for line in _lines(path)}
    return ws.index.exists() and all(identity(line.rstrip()) in sent for line in _lines(ws.index))


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=BUFFER) as stream:
        yield from stream


def next_goal(ws: Workspace, ledger: Ledger) -> str:
    """A goal, and what it does."""
    begun = list(ledger)
    if any(receipt.state == "starting" for receipt in begun):
        return "a submit was interrupted: `make submit` finishes it"
    if lost := [receipt for receipt in begun if receipt.in_doubt]:
        more = f" and {len(lost) - 1} more" if lost[1:] else ""
        return f"`make submit` looks again for the job of {lost[0].shard}{more}, and says what AGAIN= would pay"
    if planned := sum(receipt.requests for receipt in begun if receipt.unstarted):
        return f"`make submit` sends what is planned: {many(planned, 'request')}"
    if not ws.batch.exists():
        given = "" if ws.inputs.exists() else " TRANSCRIPTS=…"
        return f"`make batch{given}` turns transcripts into requests (free)"
    if not begun:
        return "`make submit` sends what has no job yet (the goal that costs money)"
    newer = not ws.submitted.exists() or ws.batch.stat().st_mtime_ns > ws.submitted.stat().st_mtime_ns
    if newer and not _all_sent(ws, ledger):
        return "`make plan` says what is new in the batch"
    if not all(receipt.settled for receipt in begun):
        return "`make results`, or `make results WAIT=1` to wait for the jobs"
    if not fresh(ws):
        return "`make results` collects the answers"
    counts = outcomes(ws)
    if counts["unsent"]:
        other = "`make plan` says what of the batch was sent with another body"
        return other if changed(ws) else "`make submit` sends what was not sent yet"
    failed = sum(counts.values()) - counts["ok"]
    return "`make submit RETRY=1` sends what has no answer again" if failed else "nothing: complete; `make show`"

"""The spending gate: where nothing may be started, nothing may be missing. And what was sent in other words."""

from __future__ import annotations

import orjson

from pipeline.base.workspace import Workspace
from pipeline.errors import IncompleteError, SpendError
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.lost_start import doubt, way_on
from pipeline.sending.pending import NAMED, Pending


def check_all_sent(ledger: Ledger, found: Pending, partial: bool) -> None:
    """Raises IncompleteError if a request has no job, unless `partial` will do.

    A later round may be missing, as the answers that it combines are there; so may what the last submit left.
    """
    if any(receipt.state == "starting" for receipt in ledger):
        raise IncompleteError("a submit was interrupted; run `make submit` to finish it")
    partial = partial and any(receipt.ref for receipt in ledger)
    if lost := [receipt for receipt in ledger if receipt.unstarted and receipt.lost and not partial]:
        raise IncompleteError(f"{'; '.join(map(doubt, lost))}. {way_on(lost)}; PARTIAL=1 collects the others")
    missing = len(found.places.keys() - found.combining)
    if missing <= _unsent(ledger.ws) or partial:
        return
    raise IncompleteError(_missing(found, missing))


def check_unchanged(found: Pending, retry: bool) -> None:
    """Raises SpendError if something was sent with another body: a person must say that it is paid for again."""
    if not found.changed:
        return
    share = f"{len(found.changed):,} of {found.total:,} requests"
    what = f"{share} were already submitted with another body, their text or the prompt having changed"
    hint = "" if retry else ", RETRY=1 if only those that failed should be sent again"
    raise SpendError(
        f"{what} ({_some(found)}); nothing is sent. Choose a new RUN=, or REPLACE=1 to pay for them again{hint}"
    )


def _missing(found: Pending, missing: int) -> str:
    count = f"{missing:,} of {found.total:,} requests were never submitted"
    if not found.changed:
        return f"{count}; run `make submit` to send them, or PARTIAL=1 collects the others, if there are any"
    other = f"{len(found.changed):,} with another text, prompt, model or parameter: {_some(found)}"
    return f"{count} ({other}); put it back, or choose a new RUN=, or REPLACE=1"


def _unsent(ws: Workspace) -> int:
    """How many requests the last submit left: after a sample, or with a full queue."""
    return orjson.loads(ws.submitted.read_bytes()).get("unsent", 0) if ws.submitted.exists() else 0


def _some(found: Pending) -> str:
    """A few of the custom_ids that were sent otherwise."""
    return ", ".join(list(found.changed.values())[:NAMED]) + (", …" if len(found.changed) > NAMED else "")

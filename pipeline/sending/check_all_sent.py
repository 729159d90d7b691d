"""The spending gate: where nothing may be started, nothing may be missing. And what was sent in other words."""

from __future__ import annotations

from pipeline.base.humanize import many
from pipeline.errors import IncompleteError, InputError, SpendError
from pipeline.jobs.count_outcomes import unsent
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.lost_start import doubt, way_on
from pipeline.sending.pending import NAMED, Pending
from pipeline.sending.submit_options import Asked


def check_all_sent(ledger: Ledger, found: Pending, partial: bool) -> None:
    """Raises IncompleteError if a request has no job, unless `partial` will do.

    A later round may be missing, as the answers that it combines are there; so may what the last submit left.
    """
    if any(receipt.state == "starting" for receipt in ledger):
        raise IncompleteError("a submit was interrupted, and a job of it may be paid; `make submit` looks for it")
    partial = partial and any(receipt.ref for receipt in ledger)
    if lost := [receipt for receipt in ledger if receipt.in_doubt and not partial]:
        others = "; PARTIAL=1 collects the others" if any(receipt.ref for receipt in ledger) else ""
        raise IncompleteError(f"{'; '.join(map(doubt, lost))}. {way_on(lost)}{others}")
    missing = len(found.places.keys() - found.combining)
    if missing <= unsent(ledger.ws) or partial:
        return
    raise IncompleteError(_missing(found, missing, any(receipt.ref for receipt in ledger)))


def check_unchanged(found: Pending) -> None:
    """Raises SpendError if something was sent with another body: a person must say that it is paid for again."""
    if not found.changed:
        return
    were = "was" if len(found.changed) == 1 else "were"
    share = f"{len(found.changed):,} of {many(found.total, 'request')} {were} already submitted with another body"
    raise SpendError(
        f"{share}, as the text or the prompt was another ({_some(found)}); nothing is sent. Put it back and run "
        "`make batch`; or choose a new RUN=; or REPLACE=1 pays for them again"
    )


def check_again(asked: Asked) -> None:
    """Raises InputError where AGAIN stands beside what it is not about: it starts what a shard holds, as it is."""
    beside = {"ID": asked.ids, "SAMPLE": asked.sample, "MODEL and the like": asked.correction}
    if asked.again and (names := [name for name, said in beside.items() if said]):
        raise InputError(f"AGAIN is for all that a shard holds, as it is: leave {names[0]} out; nothing is sent")


def check_retry(ledger: Ledger, asked: Asked) -> None:
    """Raises InputError where nothing was sent: a RUN is forgotten, or a goal is mistaken for another."""
    if asked.retry and not any(receipt.begun for receipt in ledger):
        words = asked.correction.words if asked.correction else ""
        other = f"`make batch {words}` makes the batch with it" if words else "`make submit` sends it"
        raise InputError(f"RETRY=1 is for what was sent and has no answer, and nothing was sent yet: {other}")


def _missing(found: Pending, missing: int, others: bool) -> str:
    count = f"{missing:,} of {many(found.total, 'request')} {'was' if missing == 1 else 'were'} never submitted"
    if not found.changed:
        rest = ", or PARTIAL=1 collects the others" if others else ""
        return f"{count}; run `make submit` to send {'it' if missing == 1 else 'them'}{rest}"
    return (
        f"{count} as the batch has it now: {len(found.changed):,} with another text, prompt, model or parameter "
        f"({_some(found)}). Put it back and run `make batch`; or choose a new RUN=; or `make submit REPLACE=1` "
        "pays for them again"
    )


def _some(found: Pending) -> str:
    """A few of the custom_ids that were sent otherwise."""
    return ", ".join(list(found.changed.values())[:NAMED]) + (", …" if len(found.changed) > NAMED else "")

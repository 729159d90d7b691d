"""The command `adopt`; and what ADOPT does beside `submit`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline.base.humanize import many
from pipeline.cli.command import command
from pipeline.cli.given import Given
from pipeline.cli.main import tell
from pipeline.cli.options import PRICES
from pipeline.cli.print_facts import print_facts

if TYPE_CHECKING:
    from pipeline.adopting.foreign import Foreign

# As click reads them.
ON, OFF = ("1", "true", "yes", "on", "y", "t"), ("0", "false", "no", "off", "n", "f")
OWN = f"{PRICES} ADOPT REQUESTS OUTPUT SETTLE POLL ACCOUNT YES JSON"


@command("adopt", f"RUN PROVIDER {OWN}")
def adopt(given: Given) -> None:
    """Take over jobs that were started by hand, or their answers (free: starts nothing)."""
    done(given)


def done(given: Given) -> None:
    """Take over, and say what came of it."""
    taken = _taken_over(given)
    if given.JSON:
        print_facts(given, taken=taken["taken"])
    else:
        tell(_said(taken))


def wanted(given: Given) -> bool:
    """Whether ADOPT says anything."""
    return given.ADOPT.strip().lower() not in ("", *OFF)


def _foreign(given: Given) -> Foreign:
    """Jobs that were started elsewhere, or their answers, as a person says."""
    from pipeline.adopting.foreign import Foreign, by_hand

    words = given.ADOPT.split()
    ids = () if len(words) == 1 and words[0].lower() in ON else tuple(words)
    output = by_hand(given.values.get("OUTPUT", ""))
    return Foreign(ids, tuple(by_hand(given.REQUESTS)), tuple(output), given.YES)


def _taken_over(given: Given) -> dict[str, Any]:
    """What submitted.json says, once all is taken over that is there; the rest is still to be sent.

    Raises SpendError where there is nothing to take.
    """
    from pipeline.adopting.take_over import adopt
    from pipeline.base.lock import lock
    from pipeline.errors import DoubtError
    from pipeline.jobs.ledger import Ledger
    from pipeline.jobs.lost_start import doubt
    from pipeline.jobs.same_account import same_account
    from pipeline.sending.prepare_shards import finish_earlier
    from pipeline.sending.submit import submit
    from pipeline.sending.submit_options import Asked
    from pipeline.sending.until_all_sent import sendall

    ws, plugin, foreign = given.ws, given.plugin, _foreign(given)
    with lock(ws.lock, "adopt"):
        starter = given.starter(adopt=wanted(given))
        if not foreign.output:
            plugin.preflight("")
            same_account(starter.ledger, plugin, given.ACCOUNT)
        before = starter.ledger.job_ids()
        finish_earlier(starter)
        found = starter.ledger.job_ids() - before  # of starts whose answer was lost
        rest = tuple(name for name in foreign.ids if name not in found)
        count = sum(one.requests for one in starter.ledger if one.ref and one.ref["id"] in found)
        if rest or not (foreign.ids and found):
            count += adopt(starter, replace(foreign, ids=rest))
        if count:
            return submit(ws, plugin, Asked(partial=True), new_jobs=False, tariff=given.tariff) | {"taken": count}
        if lost := [one for one in starter.ledger if one.in_doubt and not starter.adopt]:
            one = "ADOPT=1, or its id, is your word for a job of which the list does not say whose it is"
            raise DoubtError(f"{'; '.join(map(doubt, lost))}; nothing is taken over. {one}")
    # A service that does not give back what its jobs were started with may still know them by their shards.
    done = sendall(given.watch(), Asked(adopt=True))
    taken = [one for one in Ledger(ws) if one.ref and one.ref["id"] not in before]
    return done | {"taken": sum(receipt.requests for receipt in taken)}


def _said(done: dict[str, Any]) -> str:
    rest = f"{many(done['unsent'], 'request')} left, which `make submit` pays for; " if done["unsent"] else ""
    if not done["taken"]:
        return "nothing to take over: each request has a job; next: `make results`"
    return f"{many(done['taken'], 'request')} taken over, nothing is sent; {rest}next: `make results`"

"""The command `results`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator

from pipeline.base.humanize import many
from pipeline.cli.check_complete import AGAIN, check_complete
from pipeline.cli.command import command
from pipeline.cli.from_make import goals
from pipeline.cli.given import Given
from pipeline.cli.main import tell
from pipeline.cli.notify import notifying
from pipeline.cli.options import PRICES
from pipeline.cli.print_facts import check_sent, even_then, print_facts


@command("results", f"RUN PROVIDER SETTLE {PRICES} ACCOUNT WAIT POLL PARTIAL STRICT NOTIFY JSON")
def results(given: Given) -> None:
    """Collect the output of the jobs, one line per request (free)."""
    with notifying(given, "results"):
        with even_then(given):
            given.known()
            if not goals():  # make asks it before
                check_sent(given, given.PARTIAL)
            counts = _collected(given)
        if given.JSON:
            print_facts(given)
        else:
            tell("\n".join(_said(given, counts)))
        if given.STRICT:
            check_complete(counts, _rounds(counts))


def _collected(given: Given) -> Counter[str]:
    """With a line that tells how far the jobs are, if it waits."""
    from pipeline.cli.progress import Progress
    from pipeline.results.collect import collect

    progress = Progress(live=given.WAIT and sys.stderr.isatty())
    show = {"show": progress.show} if given.WAIT else {}
    try:
        return collect(given.watch(say=progress.news, **show), given.WAIT)
    finally:
        progress.end()


def _said(given: Given, counts: Counter[str]) -> Iterator[str]:
    """What came, what it cost, what is odd, and what to do next."""
    from pipeline.jobs.cost_words import costs
    from pipeline.jobs.count_outcomes import total
    from pipeline.jobs.ledger import Ledger

    yield total(counts)
    for label, words in costs(Ledger(given.ws), given.tariff):
        yield f"{label}: {words}" if label else f"      {words}"
    again = _unsent(given) if counts["unsent"] else _again(counts)
    yield from filter(None, (given.plugin.caveat, *_odd(counts), _rounds(counts) or again))


def _odd(counts: Counter[str]) -> Iterator[str]:
    """What is counted beside the outcomes, and worth a look."""
    if counts["cut"]:
        yield f"cut at max_tokens (finish_reason length): {many(counts['cut'], 'answer')}"
    if counts["refused"]:
        yield f"refused by the model or a filter: {many(counts['refused'], 'request')}"


def _again(counts: Counter[str]) -> str:
    from pipeline.jobs.count_outcomes import rows

    return "" if counts["ok"] == rows(counts) else f"{AGAIN}, and pays for them"


def _unsent(given: Given) -> str:
    from pipeline.jobs.ledger import Ledger
    from pipeline.jobs.next_goal import next_goal

    return next_goal(given.ws, Ledger(given.ws))


def _rounds(counts: Counter[str]) -> str:
    """What later rounds need; with a sample, `make submit` alone would send all the others too."""
    if not counts["combining"]:
        return ""
    goal = "`make submit` with the same SAMPLE" if counts["unsent"] > counts["waiting"] else "`make submit`"
    return f"{goal} combines answers to parts: {many(counts['combining'], 'request')}"

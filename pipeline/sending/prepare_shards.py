"""From the batch to shards that wait for their start: nothing is paid yet."""

from __future__ import annotations

from pipeline.jobs.lost_start import recover
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.shards import orphans
from pipeline.jobs.start_context import Starter
from pipeline.jobs.which_job_is_ours import mine, taken
from pipeline.sending.check_all_sent import check_unchanged
from pipeline.sending.count_tokens import described
from pipeline.sending.cut_shards import cut
from pipeline.sending.find_pending import survey
from pipeline.sending.pending import Pending
from pipeline.sending.same_question import key
from pipeline.sending.submit_options import Asked
from pipeline.sending.unstarted_shards import approved, unstarted, unwanted


def finish_earlier(starter: Starter) -> None:
    """Jobs of starts that were not answered are looked for; shards that a crash left are given receipts."""
    ledger, provider = starter.ledger, starter.provider
    orphans(ledger, provider.name)
    starting = [receipt for receipt in ledger if receipt.state == "starting"]
    lost = [receipt for receipt in ledger if receipt.in_doubt]
    if starting or lost:
        provider.preflight("")
    for receipt in starting:
        recover(starter, receipt)
    for receipt in lost:
        if jobs := starter.clock.patiently(lambda receipt=receipt: mine(starter, receipt)):
            taken(starter, receipt, jobs)
    for receipt in [receipt for receipt in ledger if receipt.unstarted and not receipt.tokens]:
        described(ledger, provider, receipt)


def prepared(starter: Starter, asked: Asked) -> tuple[Pending, list[Receipt], list[Receipt], list[Receipt]]:
    """What is pending, the earlier shards that go on, the new ones, and the earlier ones that these replace.

    Raises SpendError if something of it was paid under another body.
    """
    ledger, provider = starter.ledger, starter.provider
    of = key(provider, asked.each)
    found, again = survey(ledger, provider, asked, again=bool(unstarted(ledger)))
    ledger.corrections.keep(found.corrected)
    kept, there = approved(ledger, found, again, of)
    if not asked.replace:
        check_unchanged(found)
    if found.places:
        provider.preflight(found.model)
    others = unwanted(ledger, kept, starter.again)
    return found, kept, cut(ledger, provider, found, there, asked.bounds), others

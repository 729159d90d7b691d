"""Whether what is to be started may be paid for; if not, nothing of what is new is kept."""

from __future__ import annotations

from collections.abc import Container

from pipeline.jobs.receipt import Receipt
from pipeline.jobs.start_context import Starter
from pipeline.money.tariff import Tariff
from pipeline.sending.asked_elsewhere import check_elsewhere
from pipeline.sending.budget import afford
from pipeline.sending.confirm import Ask, confirm
from pipeline.sending.cost_of_later_rounds import ahead
from pipeline.sending.submit_options import Asked


def approve(
    starter: Starter,
    kept: list[Receipt],
    planned: list[Receipt],
    tariff: Tariff,
    asked: Asked,
    sampled: Container[str] | None,
    ask: Ask | None,
) -> list[Receipt]:
    """What is new must fit into the budget with what waits and what comes later; and a person must agree to it all.

    Returns the new ones, which may be started now, and raises SpendError where they may not.
    """
    ledger = starter.ledger
    able = [receipt for receipt in kept + planned if receipt.shard in starter.again or not receipt.doubted]
    try:
        if able and not asked.adopt:  # which starts nothing
            later = ahead(ledger.ws, starter.provider, tariff, ledger, sampled, asked.correction)
            if planned:
                afford(ledger, able, tariff, asked.bounds, later.cost_most)
            if not asked.retry:
                check_elsewhere(starter, planned)
            confirm(starter, able, tariff, asked, later, ask)
    except BaseException:  # Ctrl-C at the question too
        for receipt in planned:
            ledger.shard(receipt).path.unlink()
        raise
    return [ledger.save(receipt, state="planned") for receipt in planned]

"""What may be spent: BUDGET."""

from __future__ import annotations

from pipeline.base.humanize import dollars, many
from pipeline.errors import SpendError
from pipeline.jobs.calibration import Lessons
from pipeline.jobs.cost_so_far import committed, expected
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.receipt import Receipt
from pipeline.money.tariff import Tariff
from pipeline.sending.submit_options import Bounds

HOW = "say a higher BUDGET, or `make batch MAX_TOKENS=…` with a lower one, or send fewer: SAMPLE=, ID="


def afford(
    ledger: Ledger, waiting: list[Receipt], tariff: Tariff, bounds: Bounds, later: float | None = 0.0
) -> None:
    """Raises SpendError if starting all of `waiting` could cost more than the budget, or if nobody knows.

    `later` is what rounds to come may cost.
    """
    if bounds.budget is None or not waiting:
        return
    every = list(ledger)
    so_far = committed(ledger.paid(), tariff)
    lessons = Lessons(every)
    prices = [*(expected(receipt, tariff, lessons).cost_most for receipt in waiting), later]
    if so_far is None or None in prices:
        models = sorted({receipt.model for receipt in waiting})
        raise SpendError(
            f"BUDGET={bounds.budget:g}, and the price of {', '.join(models)} is not known; nothing is sent. "
            "PRICE_IN and PRICE_OUT give it, in dollars for a million tokens"
        )
    if so_far + sum(prices) > bounds.budget:
        rounds = " and the rounds that combine their answers" if later else ""
        requests = many(sum(r.requests for r in waiting), "request")
        more = f"{dollars(sum(prices))} at most for {requests} more{rounds}"
        raise SpendError(
            f"BUDGET={bounds.budget:g}: {dollars(so_far)} so far, and {more}, which were not sent; {HOW}"
        )

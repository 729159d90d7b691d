"""Whether a shard may be started now: what the service takes at one time, and what may be spent."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.base.humanize import dollars, many
from pipeline.errors import SpendError
from pipeline.jobs.bill import Lessons, committed, expected
from pipeline.jobs.ledger import Ledger, Receipt
from pipeline.money.cost import Tariff
from pipeline.provider import Limits, Provider

HOW = "raise BUDGET, lower MAX_TOKENS, or try SAMPLE=5 first"


@dataclass(frozen=True)
class Bounds:
    """BUDGET in US dollars; QUEUE_TOKENS and QUEUE_JOBS, an account's own quotas. None: not given."""

    budget: float | None = None
    queue_tokens: int | None = None
    queue_jobs: int | None = None

    def limits(self, provider: Provider, model: str) -> Limits:
        """The provider's limits, with the account's own quotas in place of the published ones."""
        limits = provider.limits(model)
        return replace(
            limits,
            max_enqueued_tokens=self.queue_tokens or limits.max_enqueued_tokens,
            max_jobs=self.queue_jobs or limits.max_jobs,
        )


def queue(ledger: Ledger, receipt: Receipt, limits: Limits, tariff: Tariff) -> str:
    """Why the service would not take this shard beside those that run; "" if it would."""
    running = [other for other in ledger if not (other.unstarted or other.ended or other.settled)]
    if limits.max_jobs and len(running) >= limits.max_jobs:
        return f"{many(len(running), 'job')} of {limits.max_jobs:,} run"
    if not limits.max_enqueued_tokens or not running:
        return ""
    waiting = [other for other in running if other.model == receipt.model]
    there = sum(expected(other, tariff).input_most for other in waiting)
    if there + expected(receipt, tariff).input_most > limits.max_enqueued_tokens:
        return f"{there:,} of {limits.max_enqueued_tokens:,} tokens of {receipt.model} wait there"
    return ""


def afford(
    ledger: Ledger, waiting: list[Receipt], tariff: Tariff, bounds: Bounds, later: float | None = 0.0
) -> None:
    """Raises SpendError if starting all of `waiting` could cost more than the budget, or if nobody knows.

    `later` is what rounds to come may cost.
    """
    if bounds.budget is None or not waiting:
        return
    every = list(ledger)
    so_far = committed(every, tariff)
    lessons = Lessons(every)
    prices = [*(expected(receipt, tariff, lessons).cost_most for receipt in waiting), later]
    if so_far is None or None in prices:
        models = sorted({receipt.model for receipt in waiting})
        raise SpendError(
            f"BUDGET={bounds.budget:g}, and the price of {', '.join(models)} is not known; nothing was sent. "
            "PRICE_IN and PRICE_OUT give it, in dollars for a million tokens"
        )
    if so_far + sum(prices) > bounds.budget:
        rounds = " and the rounds that combine their answers" if later else ""
        requests = many(sum(r.requests for r in waiting), "request")
        more = f"{dollars(sum(prices))} at most for {requests} more{rounds}"
        raise SpendError(
            f"BUDGET={bounds.budget:g}: {dollars(so_far)} so far, and {more}, which were not sent; {HOW}"
        )

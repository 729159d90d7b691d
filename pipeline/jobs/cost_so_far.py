"""What jobs cost: by the service's own counts, at most, or as estimated."""

from __future__ import annotations

from pipeline.jobs.calibration import Lessons
from pipeline.jobs.receipt import Receipt
from pipeline.money.cost import cost
from pipeline.money.estimate import Calibration, Estimate, estimate
from pipeline.money.tariff import Tariff
from pipeline.money.tokens import tokenizer
from pipeline.provider import Price


def expected(receipt: Receipt, tariff: Tariff, lessons: Lessons | None = None) -> Estimate:
    """What a shard is estimated to cost; without lessons, as before the first answer."""
    if receipt.tokens is None:
        return Estimate(receipt.requests, cost=None, cost_most=None, full=None)
    learned = Calibration() if lessons is None else lessons[receipt.kind]
    margin = tokenizer(receipt.model).margin
    return estimate(receipt.requests, receipt.tokens, tariff.price(receipt.model), margin, learned)


def paid(receipt: Receipt, price: Price) -> float | None:
    """US dollars of a job that ended, by the service's counts: at most, if the price is a bound. None where it did
    not count every answer."""
    if not receipt.usage or receipt.usage["uncounted"]:
        return None
    if receipt.usage["cost"] is not None:
        return receipt.usage["cost"]
    return cost(price, receipt.usage["input"], receipt.usage["output"])


def exactly(receipt: Receipt, price: Price) -> bool:
    """Whether what `paid` says is what it cost, and no upper bound."""
    return paid(receipt, price) is not None and not (price.bound and receipt.usage["cost"] is None)


def committed(receipts: list[Receipt], tariff: Tariff) -> float | None:
    """US dollars that a run has cost at most: of jobs without counts, of second jobs, and of starts whose job was
    not found, the upper end counts."""
    total, lessons = 0.0, Lessons(receipts)
    for receipt in receipts:
        real = paid(receipt, tariff.price(receipt.model)) if receipt.settled else None
        most = expected(receipt, tariff, lessons).cost_most
        jobs = [most if real is None else real] if receipt.ref else []
        others = len(receipt.duplicates) + receipt.own_lost
        parts = [*jobs, *[most] * others]
        if None in parts:
            return None
        total += sum(parts)
    return total

"""What a run has cost: of jobs that ended by the service's own counts, of the others at most."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pipeline.jobs.ledger import Kind, Ledger, Receipt
from pipeline.money.cost import Calibration, Estimate, Tariff, billed, calibration, cost, estimate, full, used
from pipeline.money.tokens import tokenizer
from pipeline.provider import Price, Provider
from pipeline.results.find_answers import decoded


def counted(ledger: Ledger, receipt: Receipt, provider: Provider, tariff: Tariff) -> Receipt:
    """The receipt of a settled job with its usage: read from the output once, and kept."""
    if receipt.usage is not None or not receipt.settled:
        return receipt
    return ledger.save(receipt, usage=_usage(ledger, receipt, provider, tariff.price(receipt.model)))


def _usage(ledger: Ledger, receipt: Receipt, provider: Provider, price: Price) -> dict[str, Any]:
    total = {"rows": 0, "input": 0, "output": 0, "cost": 0.0, "answers": 0, "uncounted": 0}
    for result in decoded(ledger, receipt, provider.decode):
        total["answers"] += result.ok
        if (tokens := used(result.usage)) is None:
            total["uncounted"] += result.ok
            continue
        prompt, answer = tokens
        for name, more in (("rows", 1), ("input", prompt), ("output", answer)):
            total[name] += more
        paid = None if price.bound else cost(price, billed(result.usage, price), answer, prompt)
        total["cost"] = None if None in (paid, total["cost"]) else total["cost"] + paid
    return total


class Lessons(dict):
    """What receipts taught of each kind of request, worked out when it is asked for."""

    def __init__(self, receipts: Iterable[Receipt]) -> None:
        super().__init__()
        self._receipts = list(receipts)

    def __missing__(self, kind: Kind) -> Calibration:
        self[kind] = calibration(self._receipts, kind)
        return self[kind]


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
        others = len(receipt.duplicates) + (0 if receipt.settled else receipt.lost)
        parts = [*jobs, *[most] * others]
        if None in parts:
            return None
        total += sum(parts)
    return total


@dataclass(frozen=True)
class Bill:
    """Of jobs that ended: what they cost, were estimated to, and would have cost at once. None: not known.

    `bound`: the cost is an upper bound, as no batch price is published for some of it.
    """

    cost: float | None
    full: float | None
    estimate: Estimate
    input: int  # tokens
    output: int
    jobs: int
    open: int  # jobs that run, or are not fetched yet
    uncounted: int  # answers without usage
    most: float | None  # with second jobs that were cancelled
    bound: bool = False
    seconds: int = 0


def bill(ledger: Iterable[Receipt], tariff: Tariff) -> Bill:
    """The bill of a run, or of some receipts of it. The estimate is as it was before the first answer came."""
    receipts = list(ledger)
    ended = [receipt for receipt in receipts if receipt.settled and not receipt.unstarted]
    prices = [tariff.price(receipt.model) for receipt in ended]
    usages = [receipt.usage or {"input": 0, "output": 0} for receipt in ended]
    return Bill(
        cost=_sum(map(paid, ended, prices)),
        full=_sum(
            full(price, usage["input"], usage["output"]) for price, usage in zip(prices, usages, strict=True)
        ),
        estimate=sum((expected(receipt, tariff) for receipt in ended), Estimate()),
        input=sum(usage["input"] for usage in usages),
        output=sum(usage["output"] for usage in usages),
        jobs=len(ended),
        open=sum(not (receipt.settled or receipt.unstarted) for receipt in receipts),
        uncounted=sum(receipt.usage["uncounted"] for receipt in ended if receipt.usage),
        most=committed(receipts, tariff),
        bound=not all(map(exactly, ended, prices)),
        seconds=sum(len(receipt.duplicates) for receipt in ended),
    )


def _sum(values: Iterable[float | None]) -> float | None:
    values = list(values)
    return None if None in values else sum(values)

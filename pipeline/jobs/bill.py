"""What a run has cost: of jobs that ended by the service's own counts, of the others at most."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.jobs.cost_so_far import committed, exactly, expected, paid
from pipeline.jobs.receipt import Receipt
from pipeline.money.cost import full
from pipeline.money.estimate import Estimate
from pipeline.money.tariff import Tariff


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
    lost: int = 0  # starts that had no answer, and whose jobs were not found


def bill(ledger: Iterable[Receipt], tariff: Tariff) -> Bill:
    """The bill of a run, or of some receipts of it. The estimate is as it was before the first answer came."""
    receipts = list(ledger)
    ended = [receipt for receipt in receipts if receipt.settled and receipt.ref]
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
        lost=sum(receipt.own_lost for receipt in receipts),
    )


def _sum(values: Iterable[float | None]) -> float | None:
    values = list(values)
    return None if None in values else sum(values)

"""What a service counted in the output of a job."""

from __future__ import annotations

from typing import Any

from pipeline.jobs.ledger import Ledger
from pipeline.jobs.outputs import decoded
from pipeline.jobs.receipt import Receipt
from pipeline.money.cost import billed, cost, used
from pipeline.money.tariff import Tariff, known
from pipeline.provider import Price, Provider


def counted(ledger: Ledger, receipt: Receipt, provider: Provider, tariff: Tariff) -> Receipt:
    """The receipt of a settled job with its usage, read from its output: once, and again when a price is known."""
    known_by_now = receipt.usage and receipt.usage["cost"] is None and known(tariff.price(receipt.model))
    if (receipt.usage is not None and not known_by_now) or not receipt.settled:
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

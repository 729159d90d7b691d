"""What a run has cost, in words."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.base.humanize import dollars, many
from pipeline.jobs.bill import Bill, bill
from pipeline.jobs.ledger import Ledger
from pipeline.money.tariff import Tariff


def costs(ledger: Ledger, tariff: Tariff) -> Iterator[tuple[str, str]]:
    """What the run has cost; and, where it has several prompts, each of them."""
    yield "cost", money(bill(ledger.paid(), tariff))
    names = list(dict.fromkeys(receipt.prompt for receipt in ledger if not receipt.unstarted))
    for name in names if len(names) > 1 else ():
        yield "", f"{name or 'no prompt'}: {money(bill([r for r in ledger if r.prompt == name], tariff))}"


def money(bill: Bill) -> str:
    """`$2.71 in 3 jobs; $2.40 was expected, $3.10 at most; 50 % less than $5.42 at once`."""
    tokens = f"{bill.input:,} tokens in and {bill.output:,} out in {many(bill.jobs, 'job')}"
    running = f"; {many(bill.open, 'job')} still open" if bill.open else ""
    if bill.uncounted:
        most = f"; {dollars(bill.most)} at most" if bill.most is not None else ""
        return f"not known: {many(bill.uncounted, 'answer')} came without a count of tokens{most}{running}"
    if bill.cost is None:
        return f"not known: {tokens}{running}; PRICE_IN and PRICE_OUT give the price of a million"
    most = " at most, as no batch price is published" if bill.bound else ""
    words = [f"{dollars(bill.cost)}{most}: {tokens}{running}"]
    if bill.estimate.cost is not None:
        words.append(f"{dollars(bill.estimate.cost)} was expected, {dollars(bill.estimate.cost_most)} at most")
    seconds = f"{many(bill.seconds, 'second job')}, found and cancelled" if bill.seconds else ""
    lost = f"{many(bill.lost, 'start')} that had no answer and may be paid" if bill.lost else ""
    if (seconds or lost) and bill.most is not None:
        words.append(f"{dollars(bill.most)} at most with {' and '.join(filter(None, [seconds, lost]))}")
    if bill.full and bill.cost < bill.full:
        words.append(f"{1 - bill.cost / bill.full:.0%} less than {dollars(bill.full)} at once".replace("%", " %"))
    return "; ".join(words)

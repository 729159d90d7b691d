"""Before it pays, submit says what: how many requests, to whom, dollars at most. Over a bound it wants a word."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipeline.base.humanize import dollars, many
from pipeline.errors import SpendError
from pipeline.jobs.calibration import Lessons
from pipeline.jobs.cost_so_far import expected
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.start_context import Starter
from pipeline.money.estimate import Estimate
from pipeline.money.tariff import Tariff
from pipeline.sending.submit_options import Asked

Ask = Callable[[str], bool]  # on a terminal: whether a person agrees


def confirm(
    starter: Starter, waiting: list[Receipt], tariff: Tariff, asked: Asked, later: Estimate, ask: Ask | None
) -> None:
    """Raises SpendError if it may cost more than CONFIRM and nobody agrees: by BUDGET, YES=1, or on a terminal.

    `later` is what rounds to come may cost. An unknown price is asked about on a terminal, and said elsewhere.
    """
    if not waiting:
        return
    lessons = Lessons(starter.ledger)
    total = sum((expected(receipt, tariff, lessons) for receipt in waiting), later).cost_most
    if total == 0:
        return
    words = "; ".join(_said(waiting, starter.provider.name))
    rounds = " with the rounds to come" if later.requests else ""
    price = "the price is not known" if total is None else f"{dollars(total)} at most{rounds}"
    starter.say(f"{words}: {price}")
    small = total is not None and asked.confirm is not None and total <= asked.confirm
    if asked.confirm is None or small or asked.yes or asked.bounds.budget is not None:
        return
    if ask:
        if not ask("Pay for it?"):
            raise SpendError("nothing is sent")
    elif total is None and asked.confirm == 0:
        raise SpendError(
            "nothing is sent: the price is not known, and CONFIRM=0; say PRICE_IN and PRICE_OUT, or YES=1"
        )
    elif total is not None:
        bound = f"that is over {dollars(asked.confirm)} (CONFIRM)"
        raise SpendError(f"nothing is sent: {bound}; say BUDGET={-(-total // 1):.0f}, or YES=1")


def _said(waiting: list[Receipt], provider: str) -> Iterator[str]:
    """`298 requests to gpt-5-mini at openai, prompt topics`, of each kind."""
    for kind in dict.fromkeys(receipt.kind for receipt in waiting):
        count = sum(receipt.requests for receipt in waiting if receipt.kind == kind)
        prompt = f", prompt {kind.prompt}" if kind.prompt else ""
        yield f"{many(count, 'request')} to {kind.model} at {provider}{prompt}"

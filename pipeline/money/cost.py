"""What requests cost: estimated before they are sent, and counted after.

Everything here is arithmetic on token counts; where they come from is in `tokens` and in the receipts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from pipeline.jobs.ledger import Kind, Receipt
from pipeline.money.prices import published
from pipeline.provider import Price, Provider

MILLION = 1_000_000
GUESS = 0.15  # of max_tokens: what an answer is taken to have before this run has any
SLACK = 32  # tokens of a prompt that a model's chat template may put in by itself: a date, a word to the assistant


@dataclass(frozen=True)
class Tariff:
    """What a provider asks for its models. PRICE_IN and PRICE_OUT, dollars for a million tokens, come before it."""

    provider: Provider
    price_in: float | None = None
    price_out: float | None = None

    def price(self, model: str) -> Price:
        """All that is known. A figure that is not is the one at once, as a bound; or None, if that is not known."""
        known = self.provider.price(model) or published(self.provider.name, model) or Price(None, None)
        if self.provider.cache:
            known = replace(known, write=self.provider.cache[0], read=self.provider.cache[1])
        return _bounded(self._given(known))

    def _given(self, known: Price) -> Price:
        if self.price_in is None and self.price_out is None:
            return known
        given = {"input": self.price_in, "output": self.price_out}
        changes = {name: value for name, value in given.items() if value is not None}
        return replace(known, **changes, above=None, source="PRICE_IN, PRICE_OUT")


def _bounded(price: Price) -> Price:
    if known(price) or None in (price.full_input, price.full_output):
        return price
    asked = price.full_input if price.input is None else price.input
    said = price.full_output if price.output is None else price.output
    return replace(price, input=asked, output=said, above=None, bound=True)


def known(price: Price) -> bool:
    return price.input is not None and price.output is not None


def cost(price: Price, prompt: float, answer: float, longest: float = 0) -> float | None:
    """US dollars of so many tokens; None if the price is not known. `longest`: of the longest prompt among them."""
    asked, said = price.input, price.output
    if price.above and longest > price.above[0]:
        asked, said = price.above[1:]
    return None if asked is None or said is None else (prompt * asked + answer * said) / MILLION


def full(price: Price, prompt: float, answer: float) -> float | None:
    """The same, answered at once."""
    return cost(Price(price.full_input, price.full_output), prompt, answer)


def used(usage: Mapping[str, Any] | None) -> tuple[int, int] | None:
    """Tokens of prompt and answer, as a service counts them; None if it does not say."""
    counts = [(usage or {}).get(name) for name in ("prompt_tokens", "completion_tokens")]
    return tuple(counts) if all(type(count) is int and count >= 0 for count in counts) else None


def billed(usage: Mapping[str, Any], price: Price) -> float:
    """Tokens of a prompt as they are billed: less for those that were in a cache, more for those written to one."""
    details = usage.get("prompt_tokens_details")
    details = details if isinstance(details, Mapping) else {}
    read, written = (details.get(name) for name in ("cached_tokens", "cache_write_tokens"))
    saved = (1 - price.read) * read if type(read) is int else 0
    more = (price.write - 1) * written if type(written) is int else 0
    return usage["prompt_tokens"] - saved + more


@dataclass(frozen=True)
class Calibration:
    """What a run learned: a service's count of a prompt over ours, and tokens of a mean answer to one prompt.

    `rows` is how many answers that is from; without any, an answer is a GUESS.
    """

    rows: int = 0
    ratio: float = 1.0
    answer: float = 0.0


def calibration(receipts: Iterable[Receipt], kind: Kind) -> Calibration:
    """Answers are from all to this prompt that were counted, the ratio from shards whose every request was."""
    known = [receipt for receipt in receipts if receipt.model == kind.model and receipt.tokens and receipt.usage]
    alike = [receipt for receipt in known if receipt.kind == kind]
    rows, said = sum(r.usage["rows"] for r in alike), sum(r.usage["output"] for r in alike)
    whole = [receipt for receipt in known if receipt.usage["rows"] == receipt.requests]
    ours, theirs = sum(r.tokens["input"] for r in whole), sum(r.usage["input"] for r in whole)
    return Calibration(rows, theirs / ours if ours else 1.0, said / rows if rows else 0.0)


@dataclass(frozen=True)
class Estimate:
    """Tokens and US dollars of requests that are to be sent: as expected, and at most. None: not known."""

    requests: int = 0
    input: int = 0
    input_most: int = 0
    output: int = 0
    output_most: int = 0
    cost: float | None = 0.0
    cost_most: float | None = 0.0
    full: float | None = 0.0

    def __add__(self, other: Estimate) -> Estimate:
        pairs = ((getattr(self, name), getattr(other, name)) for name in vars(self))
        return Estimate(*(None if None in pair else sum(pair) for pair in pairs))


def upper(tokens: int, margin: float, learned: Calibration, requests: int = 1) -> float:
    """Tokens that a service may count in prompts where we count so many."""
    return tokens * max(1.0, learned.ratio) * (1 + margin) + SLACK * requests


def estimate(
    requests: int, tokens: Mapping[str, int], price: Price, margin: float, learned: Calibration
) -> Estimate:
    """Of requests with these `tokens` (input, longest, output); `margin` is a share of the prompts.

    The upper end takes the longer one of our count and what the run learned, every answer at max_tokens, and every
    marked prompt as written to the cache.
    """
    written = price.write if tokens.get("marked") else 1.0
    prompt = tokens["input"] * learned.ratio
    most = upper(tokens["input"], margin, learned, requests)
    answer = min(learned.answer * requests if learned.rows else GUESS * tokens["output"], tokens["output"])
    return Estimate(
        requests, round(prompt), ceil(most), round(answer), tokens["output"],
        cost(price, prompt, answer, tokens["longest"] * learned.ratio),
        cost(price, most * written, tokens["output"], upper(tokens["longest"], margin, learned)),
        full(price, prompt, answer),
    )  # fmt: skip

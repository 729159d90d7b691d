"""What requests will cost that are to be sent: as expected, and at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from pipeline.money.cost import cost, full
from pipeline.provider import Price

GUESS = 0.15  # of max_tokens: what an answer is taken to have before this run has any


SLACK = 32  # tokens of a prompt that a model's chat template may put in by itself: a date, a word to the assistant


@dataclass(frozen=True)
class Calibration:
    """What a run learned: a service's count of a prompt over ours, and tokens of a mean answer to one prompt.

    `rows` is how many answers that is from; without any, an answer is a GUESS.
    """

    rows: int = 0
    ratio: float = 1.0
    answer: float = 0.0


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

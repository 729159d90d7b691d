"""What requests cost: estimated before they are sent, and counted after.

Everything here is arithmetic on token counts; where they come from is in `tokens` and in the receipts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.provider import Price

MILLION = 1_000_000


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

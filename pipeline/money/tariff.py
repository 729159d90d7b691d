"""What a provider asks for its models: as published, or as a person says."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.money.prices import published
from pipeline.provider import Price, Provider


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

"""What models cost, and how much they take, as services publish it.

`prices.json` is a dated copy; `tests/refresh_prices.py` writes it.

A figure that no source has is not there: a batch price is never made from a discount.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from pipeline.provider import Price

FILE = Path(__file__).with_name("prices.json")
# us. and global. have rows where they differ from the plain id. Other regions always differ: no row, no price.
PREFIX = {"gemini": re.compile("^models/"), "bedrock": re.compile(r"^(us|global)\.")}
SUFFIX = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8}|latest)$")


def published(provider: str, model: str) -> Price | None:
    """Dollars for a million tokens, or None for a model that is not listed. On Azure the model is a deployment.

    Found by its id, else without `models/` (gemini), `us.` or `global.` (bedrock), and its date or `-latest`.
    """
    row = _row(provider, model)
    return _price(row) if row else None


def window(provider: str, model: str) -> int | None:
    """Tokens of a prompt and its answer that the model takes; None for one that is not listed."""
    return (_row(provider, model) or {}).get("window")


def unheard_of(provider: str, models: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Models that are not listed where one of nearly the same name is, with that: a typing error, or a new one."""
    listed = _book()["models"].get(provider, {})
    for model in models:
        near = [] if _row(provider, model) else get_close_matches(model, listed, 1, 0.9)
        yield from ((model, name) for name in near)


def names(provider: str, model: str) -> tuple[str, ...]:
    """The ids under which a model may be listed, its own first."""
    bare = PREFIX[provider].sub("", model) if provider in PREFIX else model
    return model, bare, SUFFIX.sub("", bare)


def _row(provider: str, model: str) -> dict[str, Any] | None:
    rows = _book()["models"].get(provider, {})
    return next((rows[name] for name in names(provider, model) if name in rows), None)


@cache
def _book() -> dict[str, Any]:
    return orjson.loads(FILE.read_bytes())


def _price(row: Mapping[str, Any]) -> Price:
    above = row.get("above")
    return Price(
        input=row.get("in"),
        output=row.get("out"),
        full_input=row.get("full_in"),
        full_output=row.get("full_out"),
        above=tuple(above) if above else None,
        source=_source(row["source"]),
    )


def _source(name: str) -> str:
    """`page (for what, when it was looked up, via which package)`."""
    source = _book()["sources"][name]
    when = source["checked"] or f"copied {_book()['as_of']}"
    said = [source.get("for"), when, f"via {source['via']}"]
    return f"{source['page']} ({', '.join(word for word in said if word)})"

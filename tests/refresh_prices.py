"""Write `pipeline/money/prices.json` from two packages that keep what services publish (both MIT).

    pip install orjson genai-prices==0.2.3                # Python 3.11 or later
    pip download --no-deps litellm==1.110.2               # a wheel: only its table is read, nothing is installed
    python tests/refresh_prices.py litellm-1.110.2-*.whl  # [DAY, as 2026-11-24; else today]

genai-prices comes first: it says when a page was read. Of a service whose batch table it has, it gives the models
of that table; litellm's table gives the others, and the services that only it knows. Figures are copied and never
made from a discount. Text models only. What a package says is retired by DAY is left out of its part.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timezone
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from pipeline.money.prices import FILE, names  # noqa: E402

Rows = dict[str, dict[str, Any]]

BATCH = {"processing": "batch"}
TABLE = "litellm/model_prices_and_context_window_backup.json"
GENAI_LICENSE = "MIT, Copyright (c) Pydantic Services Inc. 2025 to present"
LITELLM_LICENSE = "MIT, Copyright (c) 2023 Berri AI"
OTHER = re.compile(
    r"(^|[-/._])(audio|embed\w*|ft|guard|image|live|moderation|ocr|omni|paddleocr|realtime|rerank|research|robotics"
    r"|safety|search|transcribe|tts|voxtral|whisper)([-/._:]|$)|banana|embedding",
    re.I,
)  # no chat models

# Our name of a provider: genai-prices' name.
GENAI = {
    "anthropic": "anthropic",
    "cerebras": "cerebras",
    "doubleword": "doubleword",
    "gemini": "google",
    "groq": "groq",
    "mistral": "mistral",
    "moonshot": "moonshotai",
    "novita": "novita",
    "openai": "openai",
}
# Other names that genai-prices has for a model, where they mean the same model and not a relative of it.
ALIASES = {"gemini": ".+", "mistral": ".+", "openai": r"gpt-[\d.]+"}
# Our name of a provider: litellm's, the id within its key, the sites of the service itself.
LITELLM = {
    "anthropic": ("anthropic", r"(claude-(?!.*\d{8}).+)", r"anthropic\.com|claude\.com"),
    "azure": ("azure", r"azure/([^/]+)", r"azure\.com|azure\.microsoft\.com"),
    "bedrock": ("bedrock(_converse)?", r"([^/]+\.[^/]+)", r"amazonaws\.com|aws\.amazon\.com"),
    "deepinfra": ("deepinfra", r"deepinfra/((?!anthropic/|google/gemini).+)", r"deepinfra\.com"),
    "gemini": ("gemini", r"gemini/(gemini-.+)", r"ai\.google\.dev|aistudio\.google\.com"),
    "groq": ("groq", r"groq/(.+)", r"groq\.com"),
    "mistral": ("mistral", r"mistral/((?!.*latest|.*vibe).+)", r"docs\.mistral\.ai"),
    "nebius": ("nebius", r"nebius/(.+)", r"tokenfactory\.nebius\.com"),
    "openai": ("openai", r"((?:gpt-|o\d).+)", r"openai\.com"),
    "together": ("together_ai", r"together_ai/(.+/.+)", r"together\.ai"),
}
# Of these only what has a batch price somewhere: their lists are long, and batch takes few models of them.
BATCH_ONLY = ("azure", "bedrock")
# Deprecated 2026-10-22 as litellm has it, but the default of runs that were begun before: their price must be seen.
KEPT = {"together": ("meta-llama/Llama-3.3-70B-Instruct-Turbo",)}
SCOPE = {"azure": "global deployments", "bedrock": "us-east-1 or the id's region", "moonshot": "api.moonshot.ai"}


def main(wheel: str, day: str = "") -> None:
    """Write the file; says what was written."""
    from genai_prices.data import providers

    as_of = date.fromisoformat(day) if day else datetime.now(timezone.utc).date()
    table = json.loads(zipfile.ZipFile(wheel).read(TABLE))
    parts = [
        from_litellm(table, f"litellm {Path(wheel).name.split('-')[1]}", as_of),
        from_genai(providers, f"genai-prices {version('genai-prices')}", as_of),
    ]
    book = merged(parts, as_of)
    FILE.write_text(text(book), "utf-8")
    print(*(f"{name}: {len(rows)}" for name, rows in book["models"].items()), sep="\n")


def merged(parts: Iterable[Mapping[str, Any]], as_of: date) -> dict[str, Any]:
    """One book of several; where two have a model, the later one counts."""
    sources: dict[str, Any] = {}
    models: dict[str, Rows] = {}
    for part in parts:
        sources |= part["sources"]
        for provider, rows in part["models"].items():
            before = models.get(provider, {})
            models[provider] = before | {name: windowed(row, before.get(name)) for name, row in rows.items()}
    models = {provider: thin(provider, rows) for provider, rows in sorted(models.items()) if rows}
    used = {row["source"] for rows in models.values() for row in rows.values()}
    sources = {name: sources[name] for name in sorted(used)}
    return {"as_of": as_of.isoformat(), "currency": "USD", "sources": sources, "models": models}


def windowed(row: dict[str, Any], other: Mapping[str, Any] | None) -> dict[str, Any]:
    """The row with the window that both sources agree fits: the smaller one."""
    known = [one["window"] for one in (row, other or {}) if "window" in one]
    return ({"window": min(known)} if known else {}) | {name: row[name] for name in row if name != "window"}


def thin(provider: str, rows: Rows) -> Rows:
    """Without ids that the lookup finds at the same price under a shorter one; sorted."""
    short = {name: names(provider, name)[-1] for name in rows}
    kept = (name for name in rows if short[name] == name or figures(rows[name]) != figures(rows.get(short[name])))
    return {name: rows[name] for name in sorted(kept)}


def figures(row: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (row or {}).items() if name not in ("source", "window")}


def text(book: Mapping[str, Any]) -> str:
    """JSON with one source and one model a line."""
    head = [f"{json.dumps(name)}: {json.dumps(book[name])}" for name in ("as_of", "currency")]
    sources = f'"sources": {block(book["sources"], 1)}'
    models = ",\n".join(f"  {json.dumps(name)}: {block(rows, 2)}" for name, rows in book["models"].items())
    return "{\n " + ",\n ".join([*head, sources, f'"models": {{\n{models}\n }}']) + "\n}\n"


def block(rows: Mapping[str, Any], depth: int) -> str:
    lines = (f"{' ' * (depth + 1)}{json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    return "{\n" + ",\n".join(lines) + "\n" + " " * depth + "}"


def row(
    source: str, full: tuple[Any, Any], batch: tuple[Any, Any], above: list[Any] | None, window: Any
) -> dict[str, Any]:
    """What is known, in dollars for a million tokens, and the window in tokens. Half a batch price is none."""
    made: dict[str, Any] = {"window": window} if type(window) is int and window > 0 else {}
    if None not in batch:
        made |= {"in": number(batch[0]), "out": number(batch[1])}
        made |= {"above": [number(value) for value in above]} if above else {}
    return made | {"full_in": number(full[0]), "full_out": number(full[1]), "source": source}


def number(value: Decimal | int) -> float | int:
    """As JSON has it, without a `.0`."""
    return int(value) if value == int(value) else float(value)


# -- genai-prices ----------------------------------------------------------------------------------


def from_genai(providers: Iterable[Any], via: str, as_of: date) -> dict[str, Any]:
    """Its part of the book."""
    known = {provider.id: provider for provider in providers}
    now = datetime.combine(as_of, time(12), timezone.utc)
    part: dict[str, Any] = {"sources": {}, "models": {}}
    for name, theirs in GENAI.items():
        part["models"][name] = genai_rows(name, known[theirs].models, now)
        pages = known[theirs].pricing_urls
        page = next((page for page in pages if "pric" in page), pages[0])
        head = {"page": page, "checked": checked(known[theirs].models, now)}
        part["sources"][name] = head | scope(name) | {"via": via, "license": GENAI_LICENSE}
    return part


def genai_rows(provider: str, models: Iterable[Any], now: datetime) -> Rows:
    """All that are listed; of a service whose batch table is there, the models of that table."""
    rows: Rows = {}
    for model in models:
        made = genai_row(model, provider, now)
        if made and not model.deprecated:
            rows |= {name: made for name in genai_ids(provider, model) if not OTHER.search(name)}
    table = {name: made for name, made in rows.items() if "in" in made}
    return table or rows


def genai_ids(provider: str, model: Any) -> Iterator[str]:
    """Its id, last so that no alias of another replaces it, after its aliases."""
    clauses = getattr(model.match, "or_", [model.match])
    aliases = (clause.equals for clause in clauses if hasattr(clause, "equals"))
    yield from (name for name in aliases if re.fullmatch(ALIASES.get(provider, ""), name))
    yield model.id


def genai_row(model: Any, source: str, now: datetime) -> dict[str, Any] | None:
    """None for a model without both prices, which is one that is free or not of text."""
    full = model.get_prices(now)
    if not full.input_mtok or not full.output_mtok:
        return None
    base = (lowest(full.input_mtok), lowest(full.output_mtok))
    if not any(True for _ in batch_variants(model, now)):
        return row(source, base, (None, None), None, model.context_window)
    batch = model.get_prices(now, BATCH)
    pair = (batch.input_mtok, batch.output_mtok)
    return row(source, base, (lowest(pair[0]), lowest(pair[1])), above(pair), model.context_window)


def batch_variants(model: Any, now: datetime) -> Iterator[Any]:
    for variant in model.price_variants or ():
        if variant.when == BATCH and (variant.constraint is None or variant.constraint.active(now)):
            yield variant


def lowest(price: Any) -> Any:
    """The price of a short prompt."""
    return getattr(price, "base", price)


def above(pair: tuple[Any, Any]) -> list[Any] | None:
    """`[tokens, in, out]` of the one tier. Raises ValueError for two, which the file has no place for."""
    starts = {tier.start for price in pair for tier in getattr(price, "tiers", ())}
    if len(starts) > 1:
        raise ValueError(f"more than one tier: {starts}")
    highest = (price.tiers[0].price if hasattr(price, "tiers") else price for price in pair)
    return [starts.pop(), *highest] if starts else None


def checked(models: Iterable[Any], now: datetime) -> str | None:
    """The day on which most of a service's batch prices were read."""
    found = (variant.constraint for model in models for variant in batch_variants(model, now))
    days = Counter(limit.start_date for limit in found if limit is not None)
    return max(days, key=lambda day: (days[day], day)).isoformat() if days else None


# -- litellm ---------------------------------------------------------------------------------------


def from_litellm(table: Mapping[str, Any], via: str, as_of: date) -> dict[str, Any]:
    """Its part of the book. A source's page is the one that most of its rows name."""
    part: dict[str, Any] = {"sources": {}, "models": {}}
    for name in LITELLM:
        source = f"{name}/litellm" if name in GENAI else name
        found = entries(name, table, as_of)
        part["models"][name] = {id: litellm_row(entry, source) for id, entry in found.items()}
        pages = Counter(entry["source"].split("?")[0].split("#")[0] for entry in found.values())
        page = max(pages, key=lambda page: (pages[page], page), default="")
        head = {"page": page, "checked": None}
        part["sources"][source] = head | scope(name) | {"via": via, "license": LITELLM_LICENSE}
    return part


def entries(provider: str, table: Mapping[str, Any], as_of: date) -> Rows:
    """The chat models of one service with both prices and a page of the service itself, not yet retired."""
    theirs, key, sites = LITELLM[provider]
    found: Rows = {}
    for name, entry in table.items():
        match = re.fullmatch(key, name)
        if match and re.fullmatch(theirs, entry.get("litellm_provider", "")) and is_chat(entry, sites):
            found[match[1]] = entry
    wanted = {id: entry for id, entry in found.items() if not OTHER.search(id)}
    today = {id: entry for id, entry in wanted.items() if id in KEPT.get(provider, ()) or lives(entry, as_of)}
    return with_batch(today) if provider in BATCH_ONLY else today


def is_chat(entry: Mapping[str, Any], sites: str) -> bool:
    priced = entry.get("input_cost_per_token") and entry.get("output_cost_per_token")
    return bool(entry.get("mode") == "chat" and priced and re.search(sites, entry.get("source") or ""))


def lives(entry: Mapping[str, Any], as_of: date) -> bool:
    return entry.get("deprecation_date", "9999") > as_of.isoformat()


def with_batch(found: Rows) -> Rows:
    """Those that have a batch price in one region at least: where the others have none, that must be seen."""
    some = {plain(id) for id, entry in found.items() if "input_cost_per_token_batches" in entry}
    return {id: entry for id, entry in found.items() if plain(id) in some}


def plain(id: str) -> str:
    """A model of Bedrock without its region."""
    return re.sub(r"^(apac|au|ca|eu|global|in|jp|us|us-gov)\.", "", id)


def litellm_row(entry: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Its dollars for one token are made those for a million, by their digits."""
    cost = {name: Decimal(str(value)) * 1_000_000 for name, value in entry.items() if name in fields(entry)}
    full = (cost["input_cost_per_token"], cost["output_cost_per_token"])
    batch = (cost.get("input_cost_per_token_batches"), cost.get("output_cost_per_token_batches"))
    long = re.search(r"input_cost_per_token_above_(\d+)k_tokens_batches", " ".join(cost))
    tier = [int(long[1]) * 1000, cost[long[0]], cost[long[0].replace("input", "output")]] if long else None
    return row(source, full, batch, tier, entry.get("max_input_tokens"))


def fields(entry: Mapping[str, Any]) -> set[str]:
    """The names of its prices for text."""
    return {name for name in entry if re.match(r"(input|output)_cost_per_token", name)}


def scope(provider: str) -> dict[str, str]:
    """What the figures are for, where a service has more than one price for a model."""
    return {"for": SCOPE[provider]} if provider in SCOPE else {}


if __name__ == "__main__":
    main(*sys.argv[1:]) if sys.argv[1:] else sys.exit(__doc__)

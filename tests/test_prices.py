"""Published prices: the file, how a model is found in it, and what is copied into it."""

from __future__ import annotations

import configparser
import copy
import json
from datetime import date, datetime, timezone
from decimal import Decimal
from importlib import metadata
from types import SimpleNamespace

import orjson
import pytest
from jsonschema import Draft202012Validator

from pipeline.money import prices
from pipeline.money.tariff import Tariff
from pipeline.provider import Price
from providers.together import Together
from tests import refresh_prices as refresh
from tests.conftest import ROOT

BOOK = orjson.loads((ROOT / "pipeline" / "money" / "prices.json").read_bytes())
SCHEMA = Draft202012Validator(json.loads((ROOT / "schemas" / "prices.schema.json").read_text("utf-8")))
ROWS = [(provider, model, row) for provider, rows in BOOK["models"].items() for model, row in rows.items()]
SAME_AS_FULL = {("openai", "gpt-3.5-turbo-1106")}  # OpenAI's batch table has the standard price for it
DAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


# -- the file --------------------------------------------------------------------------------------


def test_the_file_is_as_its_schema_says():
    assert [f"{error.json_path}: {error.message}" for error in SCHEMA.iter_errors(BOOK)] == []


def broken(change):
    """A book of one row, changed."""
    row = {"in": 1, "out": 2, "full_in": 2, "full_out": 4, "source": "s"}
    source = {"page": "https://host/prices", "checked": None, "via": "package 1", "license": "MIT, Copyright (c) X"}
    book = {"as_of": "2026-11-24", "currency": "USD", "sources": {"s": source}, "models": {"p": {"m": row}}}
    assert SCHEMA.is_valid(book)
    change(book, book["models"]["p"]["m"])
    return book


@pytest.mark.parametrize(
    "change",
    [
        lambda book, row: row.update({"in": -1}),
        lambda book, row: row.update({"in": 0}),
        lambda book, row: row.update({"out": 1001}),
        lambda book, row: row.update({"in": "1"}),
        lambda book, row: row.pop("out"),
        lambda book, row: row.pop("full_out"),
        lambda book, row: row.pop("source"),
        lambda book, row: row.update({"above": [200_000, 3]}),
        lambda book, row: [row.pop("in"), row.pop("out"), row.update({"above": [200_000, 3, 4]})],
        lambda book, row: [row.pop(name) for name in ("in", "out", "full_in", "full_out")],
        lambda book, row: row.update({"discount": 0.5}),
        lambda book, row: row.update({"window": 0}),
        lambda book, row: book.update({"currency": "CNY"}),
        lambda book, row: book.update({"as_of": "yesterday"}),
        lambda book, row: book["sources"]["s"].pop("license"),
        lambda book, row: book["sources"]["s"].update({"page": "a friend"}),
    ],
)
def test_the_schema_refuses(change):
    assert not SCHEMA.is_valid(broken(change))


def test_every_row_has_a_source_and_every_source_a_row():
    assert {row["source"] for *_, row in ROWS} == set(BOOK["sources"])


def test_every_provider_is_one_of_ours():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", "utf-8")
    ours = config["options.entry_points"]["transcript_batch.providers"].strip().splitlines()
    assert set(BOOK["models"]) <= {line.split(" ")[0] for line in ours}


def test_a_batch_costs_less_than_single_requests_and_a_long_prompt_more():
    for provider, model, row in ROWS:
        if "in" in row and (provider, model) not in SAME_AS_FULL:
            assert row["in"] < row["full_in"] and row["out"] < row["full_out"], model
        if "above" in row:
            assert row["above"][1] > row["in"] and row["above"][2] > row["out"], model


def test_the_file_has_one_model_a_line_and_is_small():
    raw = prices.FILE.read_text("utf-8")
    assert refresh.text(BOOK) == raw
    assert len(raw) < 75_000 and max(map(len, raw.splitlines())) < 300
    assert sum(line.startswith("   ") for line in raw.splitlines()) == len(ROWS)


def test_no_row_is_there_twice():
    for provider, rows in BOOK["models"].items():
        assert refresh.thin(provider, rows) == rows and list(rows) == sorted(rows)


# -- the lookup ------------------------------------------------------------------------------------

SOURCES = {
    "read": {"page": "https://host/prices", "checked": "2026-10-14", "via": "package 1.2"},
    "copied": {"page": "https://host/prices", "checked": None, "for": "us-east-1", "via": "package 1.2"},
}
SHORT = {
    "openai": {
        "gpt": {"in": 1, "out": 2, "above": [272_000, 2, 3], "full_in": 2, "full_out": 4, "source": "read"},
        "gpt-2024-05-13": {"in": 5, "out": 6, "source": "read"},
    },
    "gemini": {"flash": {"in": 3, "out": 4, "source": "read"}, "pro-latest": {"in": 7, "out": 8, "source": "read"}},
    "bedrock": {
        "amazon.nova": {"in": 1, "out": 1, "source": "copied"},
        "us.amazon.nova": {"in": 9, "out": 9, "source": "copied"},
        "zai.glm": {"in": 2, "out": 2, "source": "copied"},
    },
    "cerebras": {"oss": {"full_in": 1, "full_out": 2, "source": "read"}},
}


@pytest.fixture
def short(monkeypatch):
    book = {"as_of": "2026-11-24", "sources": SOURCES, "models": SHORT}
    monkeypatch.setattr(prices, "_book", lambda: book)


@pytest.mark.parametrize(
    "provider, model, dollars",
    [
        ("openai", "gpt", 1),
        ("openai", "gpt-2025-08-07", 1),
        ("openai", "gpt-20250807", 1),
        ("openai", "gpt-latest", 1),
        ("openai", "gpt-2024-05-13", 5),  # its own row comes first
        ("openai", "gpt-mini", None),
        ("openai", "gp", None),
        ("openai", "GPT", None),
        ("openai", "gpt-0807", None),
        ("openai", "gpt-2025-08-07-preview", None),
        ("openai", "models/gpt", None),
        ("openai", "us.gpt", None),
        ("openai", "", None),
        ("gemini", "models/flash", 3),
        ("gemini", "models/flash-latest", 3),
        ("gemini", "pro-latest", 7),
        ("gemini", "models/pro-latest", 7),
        ("gemini", "pro", None),
        ("bedrock", "us.amazon.nova", 9),
        ("bedrock", "global.amazon.nova", 1),
        ("bedrock", "us.zai.glm", 2),
        ("bedrock", "eu.zai.glm", None),  # other regions have other prices
        ("nobody", "gpt", None),
    ],
)
def test_a_model_is_found_by_its_id_or_a_plainer_one(short, provider, model, dollars):
    found = prices.published(provider, model)
    assert (found and found.input) == dollars


def test_all_that_a_row_says_is_in_the_price(short):
    source = "https://host/prices (2026-10-14, via package 1.2)"
    assert prices.published("openai", "gpt") == Price(1, 2, 2, 4, (272_000, 2, 3), source)


def test_a_source_says_for_what_it_is_and_when_it_was_copied(short):
    assert prices.published("bedrock", "zai.glm").source == (
        "https://host/prices (us-east-1, copied 2026-11-24, via package 1.2)"
    )


def test_a_model_without_a_batch_price_has_its_full_price_only(short):
    found = prices.published("cerebras", "oss")
    assert (found.input, found.output, found.above) == (None, None, None)
    assert (found.full_input, found.full_output) == (1, 2)


def test_every_row_of_the_file_is_found_under_its_own_id():
    for provider, model, row in ROWS:
        found = prices.published(provider, model)
        assert (found.input, found.output) == (row.get("in"), row.get("out"))
        assert (found.full_input, found.full_output) == (row.get("full_in"), row.get("full_out"))
        assert found.source.startswith("https://") and BOOK["sources"][row["source"]]["via"] in found.source


def test_the_file_knows_what_people_type():
    same = [
        ("openai", "gpt-5-mini", "gpt-5-mini-2025-08-07"),
        ("anthropic", "claude-haiku-4-5", "claude-haiku-4-5-20251001"),
        ("gemini", "gemini-2.5-flash", "models/gemini-2.5-flash"),
        ("mistral", "mistral-small-2603", "mistral-small-latest"),
        ("bedrock", "amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0"),
    ]
    for provider, model, other in same:
        assert prices.published(provider, model).input > 0
        assert prices.published(provider, model) == prices.published(provider, other)


def test_the_default_model_of_together_has_a_price_at_once_which_bounds_that_of_a_batch():
    found = prices.published("together", Together.default_model)
    assert found.input is None and found.output is None and found.full_input > 0
    bound = Tariff(Together()).price(Together.default_model)
    assert (bound.input, bound.output, bound.bound) == (found.full_input, found.full_output, True)
    assert not Tariff(Together(), 0.1, 0.2).price(Together.default_model).bound
    assert prices.window("together", Together.default_model) >= 100_000


# -- what is copied from litellm -------------------------------------------------------------------

TOKEN = {"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1.5e-05}
BATCHES = {"input_cost_per_token_batches": 1.25e-06, "output_cost_per_token_batches": 7.5e-06}
LONG = {
    "input_cost_per_token_above_272k_tokens": 5e-06,
    "output_cost_per_token_above_272k_tokens": 2.25e-05,
    "input_cost_per_token_above_272k_tokens_batches": 2.5e-06,
    "output_cost_per_token_above_272k_tokens_batches": 1.125e-05,
}
AZURE = {"litellm_provider": "azure", "mode": "chat", "source": "https://prices.azure.com/api?q=1", **TOKEN}
BEDROCK = AZURE | {"litellm_provider": "bedrock_converse", "source": "https://aws.amazon.com/bedrock/pricing/"}
TOGETHER = AZURE | {"litellm_provider": "together_ai", "source": "https://api.together.ai/v1/models"}
DEFAULT = "meta-llama/Llama-3.3-70B-Instruct-Turbo"


def from_litellm(provider, **table):
    return refresh.from_litellm(table, "litellm 1", DAY)["models"][provider]


def test_litellms_dollars_for_a_token_are_copied_by_their_digits():
    rows = from_litellm("azure", **{"azure/gpt": AZURE | BATCHES | LONG})
    assert rows["gpt"] == {
        "in": 1.25, "out": 7.5, "above": [272_000, 2.5, 11.25], "full_in": 2.5, "full_out": 15, "source": "azure",
    }  # fmt: skip


def test_a_batch_price_is_never_made_from_a_full_one():
    half = {"input_cost_per_token_batches": 1e-06}
    rows = from_litellm("together", **{"together_ai/a/full": TOGETHER, "together_ai/a/half": TOGETHER | half})
    assert [set(row) for row in rows.values()] == [{"full_in", "full_out", "source"}] * 2


@pytest.mark.parametrize(
    "name, change",
    [
        ("azure/eu/gpt", {}),
        ("azure/gpt-audio", {}),
        ("azure/gpt", {"mode": "embedding"}),
        ("azure/gpt", {"litellm_provider": "azure_text"}),
        ("azure/gpt", {"source": None}),
        ("azure/gpt", {"source": "https://a.blog/prices"}),
        ("azure/gpt", {"output_cost_per_token": 0.0}),
        ("azure/gpt", {"deprecation_date": "2026-11-24"}),
    ],
)
def test_what_is_no_current_chat_model_of_the_service_is_left_out(name, change):
    assert from_litellm("azure", **{"azure/kept": AZURE | BATCHES, name: AZURE | BATCHES | change}).keys() == {
        "kept"
    }


def test_a_model_that_will_be_retired_is_there_and_so_is_the_default_of_older_runs():
    gone = TOGETHER | {"deprecation_date": "2026-10-22"}
    later = TOGETHER | {"deprecation_date": "2026-11-25"}
    rows = from_litellm(
        "together", **{"together_ai/a/gone": gone, "together_ai/a/later": later, f"together_ai/{DEFAULT}": gone}
    )
    assert rows.keys() == {"a/later", DEFAULT}


def test_a_region_without_a_batch_price_is_listed_as_such():
    rows = from_litellm(
        "bedrock", **{"amazon.nova": BEDROCK | BATCHES, "eu.amazon.nova": BEDROCK, "amazon.other": BEDROCK}
    )
    assert rows.keys() == {"amazon.nova", "eu.amazon.nova"} and "in" not in rows["eu.amazon.nova"]


# -- what is copied from genai-prices --------------------------------------------------------------


def priced(full, batch=None, since=None, id="m", aliases=(), deprecated=None, window=None):
    """A model as genai-prices has it, as far as it is read."""

    def get_prices(now, context=None):
        pair = batch if context == refresh.BATCH else full
        return SimpleNamespace(input_mtok=pair[0], output_mtok=pair[1])

    limit = since and SimpleNamespace(start_date=since, active=lambda now: now.date() >= since)
    return SimpleNamespace(
        id=id,
        deprecated=deprecated,
        context_window=window,
        match=SimpleNamespace(or_=[SimpleNamespace(equals=name) for name in aliases]),
        price_variants=[SimpleNamespace(when=refresh.BATCH, constraint=limit)] if batch else None,
        get_prices=get_prices,
    )


def tiered(base, price, start=200_000):
    return SimpleNamespace(base=Decimal(base), tiers=[SimpleNamespace(start=start, price=Decimal(price))])


def test_a_batch_price_with_a_tier_is_copied():
    model = priced((tiered(3, 6), Decimal(15)), (tiered("1.5", 3), Decimal("7.5")))
    assert refresh.genai_row(model, "s", NOW) == {
        "in": 1.5, "out": 7.5, "above": [200_000, 3, 7.5], "full_in": 3, "full_out": 15, "source": "s",
    }  # fmt: skip


def test_a_batch_price_that_is_not_yet_in_force_is_not_there():
    later = priced((2, 4), (1, 2), since=date(2026, 12, 1))
    today = priced((2, 4), (1, 2), since=DAY)
    assert "in" not in refresh.genai_row(later, "s", NOW) and refresh.genai_row(today, "s", NOW)["in"] == 1


def test_of_two_windows_the_smaller_one_counts():
    theirs = refresh.genai_row(priced((2, 4), window=400_000), "s", NOW)
    assert theirs["window"] == 400_000
    assert refresh.windowed(theirs, {"window": 272_000})["window"] == 272_000
    assert refresh.windowed(theirs, None) == theirs
    assert "window" not in refresh.windowed(refresh.genai_row(priced((2, 4)), "s", NOW), {})


def test_two_tiers_are_refused():
    with pytest.raises(ValueError, match="more than one tier"):
        refresh.above((tiered(1, 2, 100_000), tiered(1, 2, 200_000)))


def test_of_a_service_with_a_batch_table_only_its_models_are_taken():
    models = [priced((2, 4), (1, 2), id="a"), priced((2, 4), id="b"), priced((2, 4), (1, 2), id="a-tts")]
    assert refresh.genai_rows("openai", models, NOW).keys() == {"a"}
    assert refresh.genai_rows("openai", models[1:2], NOW).keys() == {"b"}


def test_retired_and_free_models_are_left_out():
    models = [
        priced((2, 4), id="old", deprecated=True),
        priced((None, None), id="free"),
        priced((1, None), id="vec"),
    ]
    assert refresh.genai_rows("novita", models, NOW) == {}


def test_aliases_are_taken_where_they_mean_the_same_model():
    model = priced((2, 4), id="gpt-5.6-sol", aliases=["gpt-5.6", "gpt-5.6-chat"])
    assert refresh.genai_rows("openai", [model], NOW).keys() == {"gpt-5.6", "gpt-5.6-sol"}
    assert refresh.genai_rows("novita", [model], NOW).keys() == {"gpt-5.6-sol"}


def test_a_page_was_read_on_the_day_that_most_prices_name():
    days = [date(2026, 10, 14), date(2026, 10, 14), date(2026, 10, 29), None]
    assert refresh.checked([priced((2, 4), (1, 2), since=day) for day in days], NOW) == "2026-10-14"
    assert refresh.checked([priced((2, 4))], NOW) is None


# -- the two together ------------------------------------------------------------------------------


def part(package, **rows):
    return {
        "sources": {package: {"via": package}},
        "models": {"p": {k: v | {"source": package} for k, v in rows.items()}},
    }


def test_the_later_part_counts_and_unused_sources_go():
    book = refresh.merged([part("one", m={"in": 1}), part("two", m={"in": 2}, k={"in": 3})], DAY)
    assert book["models"] == {"p": {"k": {"in": 3, "source": "two"}, "m": {"in": 2, "source": "two"}}}
    assert book["sources"] == {"two": {"via": "two"}} and book["as_of"] == "2026-11-24"


def test_a_dated_id_goes_only_if_its_price_is_that_of_the_plain_one():
    rows = {"m": {"in": 1}, "m-2026-01-01": {"in": 1}, "m-2025-01-01": {"in": 2}, "k-latest": {"in": 1}}
    assert refresh.thin("p", rows).keys() == {"m", "m-2025-01-01", "k-latest"}


def of_genai(models):
    """The rows of the file that genai-prices gave."""
    names = {name for name, source in BOOK["sources"].items() if source["via"].startswith("genai-prices ")}
    kept = {
        provider: {m: row for m, row in rows.items() if row["source"] in names} for provider, rows in models.items()
    }
    return {provider: rows for provider, rows in kept.items() if rows}


def test_the_file_is_what_the_package_that_it_names_says():
    data = pytest.importorskip("genai_prices.data")
    via = f"genai-prices {metadata.version('genai-prices')}"
    if via not in {source["via"] for source in BOOK["sources"].values()}:
        pytest.skip(f"the file is not of {via}")
    made = refresh.merged([refresh.from_genai(data.providers, via, date.fromisoformat(BOOK["as_of"]))], DAY)
    assert of_genai(copy.deepcopy(BOOK["models"])) == made["models"]
    assert {name: BOOK["sources"][name] for name in made["sources"]} == made["sources"]

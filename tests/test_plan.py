"""What `plan` says: before anything is sent, without a key, and without a trace."""

from __future__ import annotations

import re

import orjson
import pytest

from pipeline.cli import main
from pipeline.jobs.bill import bill
from pipeline.jobs.cost_words import costs
from pipeline.jobs.ledger import Ledger
from pipeline.money.tariff import Tariff
from pipeline.money.tokens import count
from pipeline.provider import Limits, Price
from pipeline.sending import plan_table as table
from pipeline.sending.plan import plan
from pipeline.sending.submit_options import Asked, Bounds
from tests.conftest import read_jsonl, write_jsonl
from tests.invoice import Till
from tests.test_money import Run


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "run", Till())


def made(run, asked=None, context=None):
    return plan(run.ws, run.provider, asked or Asked(), Tariff(run.provider), context)


def lines(run, **how) -> dict[str, str]:
    return {line[:10].strip(): line[11:] for line in table.table(made(run, **how))}


def tree(path):
    return {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_the_command(tmp_path, capsys, monkeypatch):
    write_jsonl(tmp_path / "t.jsonl", [{"id": "long", "text": "oats " * 300}, {"id": "short", "text": "rye"}])
    monkeypatch.setenv("PROVIDER", "openai")
    monkeypatch.setenv("MODEL", "gpt-5-mini")
    main(["batch", "t.jsonl"])
    capsys.readouterr()
    before = tree(tmp_path)
    main(["plan"])
    said = capsys.readouterr().out
    assert tree(tmp_path) == before
    assert said.startswith(
        "pending    2 of 2 requests\nmodel      gpt-5-mini\nprompt     summary\nshards     1 (the"
    )
    assert "price      $0.125 in, $1 out for a million tokens: https://" in said
    assert "longest    " in said and ": long; shortest " in said and ": short\n" in said
    assert said.endswith("next       `make submit` sends these\n")
    main(["plan", "--json", "--price-in", "1", "--price-out", "2"])
    facts = orjson.loads(capsys.readouterr().out)
    body, _ = [row["body"] for row in read_jsonl(tmp_path / "data/runs/default/openai/batch.jsonl")]
    assert facts["pending"] == 2 and facts["parts"][0]["longest"] == ["long", next(count([body], "gpt-5-mini"))]
    estimate = facts["estimate"]
    assert estimate["output_most"] == 8000
    assert estimate["cost"] == pytest.approx((estimate["input"] + 2 * estimate["output"]) / 1e6, rel=1e-3)
    assert tree(tmp_path) == before


def test_expected_is_between_nothing_and_at_most(run):
    run.batch({"a": "oats", "b": "rye"}, most=100)
    total = made(run).parts[0].estimate
    (a, b) = count([row["body"] for row in read_jsonl(run.ws.batch)], "Llama-3.1-8B")
    assert total.input == a + b < total.input_most
    assert (total.output, total.output_most) == (30, 200)
    assert total.cost == pytest.approx(((a + b) * 2 + 30 * 8) / 1e6)
    assert total.full == pytest.approx(total.cost * 2)
    assert total.cost < total.cost_most


def test_a_run_learns_from_its_answers(run):
    run.till.drift, run.till.share = 1.5, 0.8
    run.batch({"a": "oats " * 100}, most=100)
    run.submit()
    run.results()
    run.batch({"a": "oats " * 100, "b": "rye " * 100}, most=100)
    (part,) = made(run).parts
    (ours,) = count([read_jsonl(run.ws.batch)[1]["body"]], "Llama-3.1-8B")
    assert part.estimate.input == pytest.approx(ours * 1.5, rel=0.01)
    assert part.estimate.input_most > part.estimate.input
    assert part.estimate.output == 80
    assert "times 1.49" in lines(run)["input"] and lines(run)["output"].endswith("80 each, as 1 answer taught")


def test_what_was_paid_and_what_retry_and_replace_add(run):
    run.till.fails = {"b"}
    run.batch({"a": "oats", "b": "rye"})
    run.submit()
    run.results()
    said = lines(run)
    assert said["pending"] == "0 of 2 requests" and said["next"] == "nothing to send"
    assert said["sent"].startswith("2 requests so far: $0.0") and "at most" not in said["sent"]
    assert said["RETRY=1"].startswith("would send 1 request more: ")
    assert "REPLACE=1" not in said
    run.batch({"a": "oats", "b": "rye"}, system="Be brief.")
    said = lines(run)
    assert said["REPLACE=1"].startswith("would send 2 requests more")
    assert said["next"].startswith("`make submit` refuses")
    said = lines(run, asked=Asked(replace=True))
    assert (said["pending"], said["next"]) == ("2 of 2 requests", "`make submit REPLACE=1` sends these")


def test_requests_that_do_not_fit_are_named(run):
    run.batch({"a": "oats", "b": "rye " * 300, "c": "barley " * 400}, most=100)
    assert "too long" not in lines(run, context=1000)
    assert lines(run, context=400)["too long"] == "2 requests may not fit the window: b, c"
    run.till.limits = Limits(context=400)
    assert made(run).parts[0].too_long == 2


def test_what_asks_the_same_is_named(run):
    run.batch({"a": "oats", "b": "oats"})
    said = lines(run)
    assert said["pending"] == "1 of 2 requests"
    assert said["shared"] == "1 request asks what another one does (b as a), at no cost; EACH=1 sends each"
    assert lines(run, asked=Asked(each=True))["pending"] == "2 of 2 requests"


def test_as_many_shards_as_submit_cuts(run):
    run.till.limits = Limits(max_requests=2, poll=(0.0, 0.0))
    run.batch({name: f"oats {name}" for name in "abcde"})
    assert made(run).parts[0].shards == 3
    run.submit()
    assert len(run.till.jobs) == 3


def test_a_sample_and_a_budget(run):
    run.batch({name: f"oats {name}" for name in "abcde"})
    said = lines(run, asked=Asked(sample=2, bounds=Bounds(0.0001)))
    assert said["pending"] == "2 of 5 requests" and said["sample"].startswith("3 more are pending")
    assert said["budget"] == "$0.0001: too little"
    assert said["next"] == "`make submit SAMPLE=2` refuses: it may cost more than the budget"
    assert lines(run, asked=Asked(bounds=Bounds(1)))["budget"] == "$1.00: enough"


def test_an_unknown_price_is_said(tmp_path):
    run = Run(tmp_path / "run", Till(), Price(None, None))
    run.batch({"a": "oats"})
    said = lines(run, asked=Asked(bounds=Bounds(1)))
    assert said["price"] == "not known; PRICE_IN and PRICE_OUT give it, in dollars for a million tokens"
    assert said["cost"] == "not known" and said["budget"] == "$1.00: the price is not known"


def test_where_no_batch_price_is_published_the_one_at_once_is_the_most(tmp_path):
    run = Run(tmp_path / "run", Till(), Price(None, None, 100.0, 200.0, source="a page"))
    run.batch({"a": "oats"})
    said = lines(run, asked=Asked(bounds=Bounds(1)))
    most = "at once, the most that a batch costs, as no batch price is published: a page"
    assert said["price"] == f"$100 in, $200 out for a million tokens {most}"
    assert re.fullmatch(r"\$0\.\d+ expected, \$0\.\d+ at most", said["cost"])
    assert said["budget"] == "$1.00: enough"
    run.submit(Asked(bounds=Bounds(1)))
    (row,) = run.results()
    assert row["cost"] is None  # nobody knows it
    till = Tariff(run.provider)
    assert re.match(
        r"\$0\.\d+ at most, as no batch price is published: ", dict(costs(Ledger(run.ws), till))["cost"]
    )
    assert bill(Ledger(run.ws), till).cost == pytest.approx(run.till.total(till.price("m")))
    given = Tariff(run.provider, 0.5, 0.5)
    assert " at most, as" not in dict(costs(Ledger(run.ws), given))["cost"]


def test_long_prompts_at_a_higher_price(tmp_path):
    run = Run(tmp_path / "run", Till(), Price(1.0, 1.0, above=(200, 10.0, 10.0)))
    run.batch({"a": "oats"}, most=10)
    short = made(run).parts[0].estimate.cost
    run.batch({"a": "oats " * 300}, most=10)
    assert made(run).parts[0].estimate.cost > 20 * short
    run.submit()
    (row,) = run.results()
    assert row["cost"] == pytest.approx(10 * sum(row["usage"].values()) / 1e6)


def test_what_a_run_learned_never_lowers_the_upper_end(run):
    run.till.drift = 0.5
    run.batch({"a": "oats " * 100})
    run.submit()
    run.results()
    run.batch({"a": "oats " * 100, "b": "rye " * 100})
    (part,) = made(run).parts
    (ours,) = count([read_jsonl(run.ws.batch)[1]["body"]], "Llama-3.1-8B")
    assert part.estimate.input == pytest.approx(ours / 2, rel=0.02)
    assert part.estimate.input_most > ours


def test_a_shard_with_failures_teaches_no_ratio(run):
    run.till.fails = {"a"}
    run.batch({"a": "oats " * 100, "b": "rye"})
    run.submit()
    run.results()
    run.batch({"a": "oats " * 100, "b": "rye", "c": "barley"})
    learned = made(run).parts[0].learned
    assert (learned.rows, learned.ratio) == (
        1,
        1.0,
    )  # how long an answer is, but nothing of how prompts are counted

"""Results as a table: a column for each field of the answers, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv

import pytest

from pipeline.batch.answer_schema import Answer
from pipeline.batch.prompt import Prompt
from pipeline.errors import IncompleteError
from pipeline.provider import Limits
from pipeline.results.export import export
from tests.conftest import batched, write_jsonl
from tests.invoice import Till
from tests.test_money import Run

SCHEMA = {"type": "object", "required": ["mood"], "properties": {"mood": {"type": "string"}}}


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run").mkdir()
    return Run(tmp_path / "run", Till(Limits(max_requests=100, poll=(0.0, 0.0))))


def table(run):
    with run.ws.table.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def made(run, words, talks, schema=SCHEMA):
    run.till.words = lambda name, body: words[name]
    path = write_jsonl(run.folder / "t.jsonl", [{"id": name, "text": name, **more} for name, more in talks.items()])
    batched(run.ws, [path], Prompt("Llama-3.1-8B", max_tokens=40, answer=Answer(schema) if schema else None))
    run.submit()
    run.results()
    return export(run.ws)


def test_fields_of_answers_and_metadata_have_columns(run):
    words = {
        "a": '{"mood": "calm", "who": {"name": "Ines", "age": 7}, "topics": ["oats", "rye"]}',
        "b": '{"mood": "busy", "extra": null}',
        "c": "no JSON",
    }
    assert made(run, words, {"a": {"title": "Ä, b", "metadata": {"guest": "Tom"}}, "b": {}, "c": {}}) == 3
    a, b, c = table(run)
    assert (a["answer.mood"], a["answer.who.name"], a["answer.who.age"]) == ("calm", "Ines", "7")
    assert (a["answer.topics"], a["metadata.guest"], a["title"]) == ('["oats","rye"]', "Tom", "Ä, b")
    assert (b["answer.mood"], b["answer.who.name"], b["outcome"]) == ("busy", "", "ok")
    assert (c["outcome"], c["text"], c["answer.mood"]) == ("invalid", "no JSON", "")
    assert c["error"].startswith("not JSON") and float(a["cost"]) > 0


def test_what_a_spreadsheet_would_run_is_text(run):
    words = {"a": '=HYPERLINK("x")', "b": "line one\nline, two", "c": "@sum", "d": "- a list"}
    made(run, words, {name: {} for name in words}, schema=None)
    assert [row["text"] for row in table(run)] == ['\'=HYPERLINK("x")', "line one\nline, two", "'@sum", "'- a list"]


def test_an_answer_may_be_no_object(run):
    made(
        run,
        {"a": "[1, 2]", "b": '"oats"', "c": "-5"},
        {"a": {}, "b": {}, "c": {}},
        schema={"type": ["array", "string", "integer"]},
    )
    assert [row["answer"] for row in table(run)] == ["[1,2]", "oats", "-5"]


def test_without_results_there_is_no_table(run):
    with pytest.raises(IncompleteError, match="run `make results`"):
        export(run.ws)

"""Several prompts over one corpus: an answer to each, kept and paid apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import orjson
import pytest

from pipeline.base.humanize import dollars
from pipeline.batch import custom_id
from pipeline.batch.answer_schema import Answer
from pipeline.batch.prompt import Prompt
from pipeline.batch.prompt_variables import prompts as asked
from pipeline.batch.saved_prompts import Prompts, load
from pipeline.errors import DamagedError, InputError
from pipeline.jobs import status
from pipeline.jobs.count_outcomes import rows
from pipeline.jobs.ledger import Ledger
from pipeline.money.tariff import Tariff
from pipeline.provider import Limits
from pipeline.sending.plan import plan
from pipeline.sending.plan_table import table
from pipeline.sending.submit_options import Asked
from pipeline.transcripts.ingest import ingest
from tests.conftest import read_jsonl, write_jsonl
from tests.invoice import Till
from tests.stages import batch
from tests.test_answer import SCHEMA
from tests.test_long import talk
from tests.test_money import Run

MODEL = "Llama-3.1-8B"
SUMMARY = Prompt(MODEL, "Sum it up.", max_tokens=40, name="summary")
FACTS = Prompt(MODEL, "Give facts.", max_tokens=60, name="facts", answer=Answer(SCHEMA))
GOOD = '{"topics": ["rye"]}'


class Several(Run):
    def batch(self, texts, *prompts, **how):
        talks = [{"id": name, "text": text, "title": name.upper()} for name, text in texts.items()]
        ingest(self.ws, [write_jsonl(self.folder / "t.jsonl", talks)], say=lambda text: None)
        return batch(self.ws, self.provider, prompts, say=lambda text: None, **how)


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run").mkdir()
    made = Several(tmp_path / "run", Till(Limits(max_requests=100, poll=(0.0, 0.0))))
    made.till.words = lambda name, body: GOOD if "facts" in body["messages"][0]["content"] else f"sum of {name}"
    return made


def test_each_transcript_has_an_answer_to_each_prompt(run):
    assert run.batch({"a": "oats", "b/c": "rye"}, SUMMARY, FACTS) == 4
    names = [request["custom_id"] for request in read_jsonl(run.ws.batch)]
    assert names == ["a.summary", "a.facts", f"{custom_id.stem('b/c')}.summary", f"{custom_id.stem('b/c')}.facts"]
    run.submit()
    found = run.results()
    assert [(row["id"], row["prompt"], row["outcome"]) for row in found] == [
        ("a", "summary", "ok"), ("a", "facts", "ok"), ("b/c", "summary", "ok"), ("b/c", "facts", "ok"),
    ]  # fmt: skip
    assert [row["answer"] for row in found] == [None, {"topics": ["rye"]}] * 2
    assert found[0]["text"] == "sum of a.summary"


def test_each_prompt_has_shards_a_price_and_lessons_of_its_own(run):
    run.batch({name: f"oats {name}" for name in "abc"}, SUMMARY, FACTS)
    made = plan(run.ws, run.provider, Asked(), Tariff(run.provider))
    assert [(part.prompt, part.requests, part.tokens["output"]) for part in made.parts] == [
        ("summary", 3, 120), ("facts", 3, 180),
    ]  # fmt: skip
    said = list(table(made))
    assert [line for line in said if line.startswith("prompt ")] == ["prompt     summary", "prompt     facts"]
    assert any(line.startswith("in all ") for line in said)
    run.submit()
    found = run.results()
    receipts = list(Ledger(run.ws))
    assert [(receipt.prompt, receipt.requests) for receipt in receipts] == [("summary", 3), ("facts", 3)]
    costs = Counter()
    for row in found:
        costs[row["prompt"]] += row["cost"]
    assert [receipt.usage["cost"] for receipt in receipts] == pytest.approx([costs["summary"], costs["facts"]])
    (_, total), *each = status.costs(Ledger(run.ws), Tariff(run.provider))
    assert [words.split(": ")[0] for _, words in each] == ["summary", "facts"]
    assert each[1][1].startswith(f"facts: {dollars(costs['facts'])}: ") and total.startswith(dollars(costs.total()))
    run.batch({name: f"oats {name}" for name in "abcd"}, SUMMARY, FACTS)
    again = plan(run.ws, run.provider, Asked(), Tariff(run.provider))
    assert [part.learned.answer for part in again.parts] == [20, 30]  # half of max_tokens, as this service answers


def test_only_the_answers_to_the_prompt_with_a_schema_can_be_invalid(run):
    run.till.words = lambda name, body: "{" if name == "a.facts" else GOOD
    run.batch({"a": "oats", "b": "rye"}, SUMMARY, FACTS)
    run.submit()
    assert [row["outcome"] for row in run.results()] == ["ok", "invalid", "ok", "ok"]
    jobs = len(run.till.jobs)
    run.till.words = lambda name, body: GOOD
    run.submit(Asked(retry=True))
    assert [job["names"] for job in run.till.jobs[jobs:]] == [["a.facts"]]
    assert {row["outcome"] for row in run.results()} == {"ok"}


def test_what_one_prompt_was_paid_for_is_not_paid_again_among_several_or_alone(run):
    texts = {"a": "oats", "b": "rye"}
    run.batch(texts, FACTS)
    run.submit()
    assert [row["custom_id"] for row in run.results()] == ["a", "b"]
    run.batch(texts, SUMMARY, FACTS)
    run.submit()
    assert [job["names"] for job in run.till.jobs] == [["a", "b"], ["a.summary", "b.summary"]]
    found = run.results()
    assert [(row["outcome"], row["sent_as"]) for row in found] == [
        ("ok", None),
        ("ok", "a"),
        ("ok", None),
        ("ok", "b"),
    ]
    assert [row["answer"] for row in found if row["prompt"] == "facts"] == [{"topics": ["rye"]}] * 2
    run.batch(texts, SUMMARY)
    run.submit()
    assert len(run.till.jobs) == 2 and {row["text"][:6] for row in run.results()} == {"sum of"}


def test_a_sample_is_of_transcripts_with_all_their_prompts(run):
    run.batch({name: f"oats {name}" for name in "abcdef"}, SUMMARY, FACTS)
    run.submit(Asked(sample=2))
    sent = sorted(name for job in run.till.jobs for name in job["names"])
    assert len(sent) == 4 and len({custom_id.transcript(name) for name in sent}) == 2
    run.submit(Asked(sample=3))
    assert sum(len(job["names"]) for job in run.till.jobs) == 6


def test_prompts_may_be_long_on_their_own(run):
    texts = {"a": talk("a", 60)["text"]}
    long = [
        Prompt(p.model, p.system, max_tokens=60, window=w, long="split", name=p.name)
        for p, w in ((SUMMARY, 1500), (FACTS, 9000))
    ]
    run.batch(texts, *long, overlap=40)
    names = [request["custom_id"] for request in read_jsonl(run.ws.batch)]
    assert names == ["a.summary.p01", "a.summary.p02", "a.summary.p03", "a.facts"]
    for _ in range(2):
        run.submit()
        found = run.results()
    assert [(row["custom_id"], row["outcome"]) for row in found] == [("a.summary", "ok"), ("a.facts", "ok")]
    assert read_jsonl(run.ws.round)[0]["custom_id"] == "a.summary"


def test_answers_of_a_run_with_several_prompts_are_transcripts(run):
    run.batch({"a": "oats"}, SUMMARY, FACTS)
    run.submit()
    run.results()
    ingest(run.ws, [run.ws.results], say=lambda text: None)
    made = read_jsonl(run.ws.transcripts)
    assert [(one["id"], one["title"], one["text"]) for one in made] == [
        ("a/summary", "A", "sum of a.summary"), ("a/facts", "A", GOOD),
    ]  # fmt: skip


def test_the_variable_names_files_or_what_is_in_the_folder(run, tmp_path):
    (tmp_path / "summary.md").write_text("Sum it up.")
    (tmp_path / "My own: facts?.md").write_text("Give facts.")
    paths = [str(tmp_path / "summary.md"), str(tmp_path / "My own: facts?.md")]
    names = [one.name for one in asked(paths, model="m")]
    assert names[0] == "summary" and custom_id.FITS.fullmatch(names[1]) and len(names[1]) <= 20
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "summary.md").write_text("Sum it up.")
    with pytest.raises(InputError, match="PROMPTS names 'summary' twice"):
        asked([str(tmp_path / "summary.md"), str(tmp_path / "x" / "summary.md")], model="m")


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'[{"model": "m"}]', b'[{"answer": null}]', b"7"])
def test_a_damaged_file_says_what_to_type(run, data):
    run.batch({"a": "oats"}, SUMMARY)
    run.ws.prompts.write_bytes(data)
    with pytest.raises(DamagedError, match="run `make -B batch`"):
        load(run.ws)


def test_a_request_of_no_prompt_is_damage():
    with pytest.raises(DamagedError, match=r"a\.other: no prompt of the batch has that name"):
        Prompts((SUMMARY, FACTS)).of("a.other")
    assert Prompts((SUMMARY, FACTS)).of("a.facts.p03") is FACTS and Prompts((FACTS,)).of("a") is FACTS


def test_what_is_saved_is_what_was_asked(run):
    shots = ({"user": "u", "assistant": "a"},)
    schema = Answer(SCHEMA)
    asks = Prompt("m", "s", "{{ timed }}", 9, {"top_k": 3}, "p.md", 4, schema, False, shots)
    whole = replace(asks, name="facts", window=900, long="split", combine="Make one.")
    Prompts((whole,)).save(run.ws)
    (again,) = load(run.ws)
    transcript = {"id": "a", "text": "oats", "segments": [{"text": "oats", "start": 1.0}]}
    assert again.body(transcript) == whole.body(transcript)
    assert (again.window, again.long, again.combine, again.name) == (900, "split", "Make one.", "facts")


def test_the_whole_way_by_command(run, tmp_path, capsys):
    from pipeline.cli import main

    (tmp_path / "one.md").write_text("Sum it up.")
    (tmp_path / "two.md").write_text("Give facts.")
    write_jsonl(tmp_path / "talks.jsonl", [{"id": "a", "text": "oats"}])
    with pytest.raises(SystemExit):
        main(["batch", "talks.jsonl", "--model", "m", "--prompts", "one.md two.md", "--provider", "nope"])
    main(["batch", "talks.jsonl", "--model", "m", "--prompts", "one.md two.md"])
    assert "2 requests for m" in capsys.readouterr().out
    main(["preview", "--id", "a.two", "--json"])
    assert orjson.loads(capsys.readouterr().out)["custom_id"] == "a.two"
    assert rows(Counter(ok=2, cut=1)) == 2

"""What was sent stands as it was sent, whatever today's code would make of it; what a person changes is noticed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.base.workspace import Workspace
from pipeline.batch.prompt import Prompt
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.model_as_sent import as_before
from pipeline.jobs.receipt import Receipt
from pipeline.provider import Limits
from tests.conftest import read_jsonl, write_jsonl
from tests.releases.make import HARBOUR, ORCHARD, RECORDS, long_talk
from tests.test_releases import NEWER, newer_cut, newer_rounds
from tests.together_server import TogetherServer

WS = Workspace.of("default", "together")


@pytest.fixture
def server(monkeypatch):
    with TogetherServer() as running:
        running.polls_needed = 0
        for name, value in {
            "TOGETHER_API_KEY": "k",
            "TOGETHER_BASE_URL": running.url,
            "TRANSCRIPTS": "talks",
        }.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def make(run, server, monkeypatch):
    """`make("submit", PROMPT="ask.md")`: all that make would run; the exit code and what was said."""
    Path("talks").mkdir()
    Path("talks/harbour.vtt").write_text(HARBOUR)
    Path("talks/orchard.txt").write_text(ORCHARD)
    Path("talks/more.jsonl").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    Path("ask.md").write_text("Say in one sentence what this is about.\n")

    def goal(*goals: str, **variables: object) -> tuple[int, str]:
        stages = () if goals == ("read",) else ("settings", "transcripts", "batch")
        commands = ["submit --no-new-jobs", "results"] if goals in (("results",), ("read",)) else [*goals]
        with monkeypatch.context() as patch:
            # `read` is `make results` as it is, `submit` that goal alone; before others the batch is made.
            alone = {("read",): "results", ("submit",): "submit"}
            patch.setenv("TRANSCRIPT_BATCH_GOALS", alone.get(goals, "batch"))
            for name, value in {"PROMPT": "ask.md", "SETTLE": 0, "POLL": 0, **variables}.items():
                patch.setenv(name, str(value))
            for command in (*stages, *commands):
                code, out, err = run(*command.split())
                if code:
                    return code, out + err
        return 0, out + err

    return goal


def ok(done: tuple[int, str]) -> str:
    assert done[0] == 0, done[1]
    return done[1]


def clean() -> None:
    """`make clean`: what is free to make again."""
    for name in ("settings", "transcripts", "batch", "index", "prompts", "round", "submitted", "results"):
        getattr(WS, name).unlink(missing_ok=True)


def newer(monkeypatch) -> None:
    for change in NEWER:
        change(monkeypatch)
    monkeypatch.setattr("pipeline.jobs.sent_rows.code", lambda provider: "another")


@pytest.mark.parametrize("cleaned", [False, True])
def test_code_that_makes_every_request_otherwise_changes_no_row(cleaned, make, server, monkeypatch):
    Path("talks/long.txt").write_text(long_talk(60))
    split = {"LONG": "split", "CONTEXT": 1200, "MAX_TOKENS": 200}
    ok(make("submit --wait", **split))
    ok(make("results", **split))
    rows, paid = read_jsonl(WS.results), server.paid
    assert {row["outcome"] for row in rows} == {"ok"} and len(rows[1]["parts"]) > 2
    if cleaned:
        clean()
    newer(monkeypatch)
    assert "nothing to send" in ok(make("plan", **split))
    assert "`make submit`" not in ok(make("status", **split))
    ok(make("results", **split))
    assert read_jsonl(WS.results) == rows
    assert "next     nothing: complete" in ok(make("status", **split))
    ok(make("submit", **split))
    assert server.paid == paid


def test_a_new_transcript_is_sent_alone_and_to_the_model_of_the_run(make, server, monkeypatch):
    ok(make("submit"))
    (model,) = {row["body"]["model"] for row in read_jsonl(WS.batch)}
    newer(monkeypatch)
    Path("talks/new.txt").write_text("Eva: One more.\n")
    ok(make("submit"))
    assert server.invoice[1:] == [["new"]]
    assert {row["body"]["model"] for row in read_jsonl(WS.batch)} == {model}


def test_what_failed_is_sent_again_as_it_was_sent(make, server, monkeypatch):
    server.errors = {"weir": "overloaded"}
    ok(make("submit"))
    ok(make("results"))
    server.errors = {}
    newer(monkeypatch)
    ok(make("submit", RETRY=1))
    first, second = (path.read_bytes().split(b"\n") for path in sorted(WS.shards.glob("*.jsonl")))
    assert len(second) == 2 and second[0] in first
    ok(make("results"))
    assert {row["outcome"] for row in read_jsonl(WS.results)} == {"ok"}
    ok(make("submit", RETRY=1))
    assert len(server.invoice) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda: Path("talks/orchard.txt").write_text(ORCHARD.replace("Eleven", "Ten")),
        lambda: Path("talks/more.jsonl").write_text(
            "".join(json.dumps(record).replace("by hand", "by boat") + "\n" for record in RECORDS)
        ),
        lambda: Path("ask.md").write_text("Say it in two sentences.\n"),
        lambda: {"MODEL": "another"},
        lambda: {"MAX_TOKENS": 7},
        lambda: {"TEMPERATURE": 0.5},
    ],
    ids=["file", "record", "prompt", "model", "max_tokens", "temperature"],
)
@pytest.mark.parametrize("code", ["same", "newer"])
def test_what_a_person_changes_is_refused_and_put_back_it_is_free(code, change, make, server, monkeypatch):
    ok(make("submit"))
    ok(make("results"))
    rows, before = (
        read_jsonl(WS.results),
        {path: path.read_bytes() for path in [*Path("talks").iterdir(), Path("ask.md")]},
    )
    if code == "newer":
        newer(monkeypatch)
    variables = change()
    source = isinstance(variables, int) and Path("ask.md").read_bytes() == before[Path("ask.md")]
    variables = variables if isinstance(variables, dict) else {}
    failed, said = make("submit", **variables)
    assert failed and ("already submitted with another body" if source else "`make batch") in said
    failed, said = make("read", **variables)
    assert ("never submitted" in said) == bool(failed) == source
    for path, content in before.items():
        path.write_bytes(content)
    ok(make("submit"))
    ok(make("results"))
    assert read_jsonl(WS.results) == rows and len(server.invoice) == 1


@pytest.mark.parametrize("change", NEWER)
def test_results_of_a_batch_that_other_code_made(change, make, server, monkeypatch):
    """No stage is run again: what was sent is known by its row, whatever its line would be today."""
    ok(make("submit"))
    ok(make("read"))
    rows = read_jsonl(WS.results)
    for path in (WS.results, WS.submitted):
        path.unlink()
    change(monkeypatch)
    monkeypatch.setattr("pipeline.jobs.sent_rows.code", lambda provider: "another")
    ok(make("read"))
    assert read_jsonl(WS.results) == rows and len(server.invoice) == 1


def test_another_encoding_is_a_change(make, server, monkeypatch):
    Path("talks/mill.txt").write_bytes("Ola: 5 ¤ each.".encode("cp1252"))
    ok(make("submit", ENCODING="cp1252", TRANSCRIPTS="talks/mill.txt"))
    newer(monkeypatch)
    ok(make("submit", ENCODING="cp1252", TRANSCRIPTS="talks/mill.txt"))
    assert make("submit", ENCODING="iso8859-15", TRANSCRIPTS="talks/mill.txt")[0] == 2
    code, said = make("batch", "submit", ENCODING="iso8859-15", TRANSCRIPTS="talks/mill.txt")
    assert code == 5 and "another body" in said
    assert len(server.invoice) == 1


def test_limits_of_today_do_not_refuse_what_was_sent(make, server, monkeypatch):
    ok(make("submit"))
    newer(monkeypatch)
    monkeypatch.setattr("providers.together.Together.limits", lambda self, model: Limits(max_line_bytes=9))
    ok(make("results"))


def test_a_transcript_that_todays_window_would_refuse_is_kept(make, server, monkeypatch):
    ok(make("submit"))
    monkeypatch.setattr("pipeline.money.prices.window", lambda provider, model: 10)
    ok(make("results"))
    Path("talks/new.txt").write_text("Eva: One more.\n")
    code, said = make("submit")
    assert code == 2 and "new" in said and len(server.invoice) == 1


def test_another_cut_that_a_person_asks_for_is_a_change(make, server, monkeypatch):
    Path("talks/long.txt").write_text(long_talk(60))
    split = {"LONG": "split", "CONTEXT": 1200, "MAX_TOKENS": 200}
    ok(make("submit", **split))
    newer_cut(monkeypatch)
    ok(make("submit", **split))
    for other in ({"OVERLAP": 40}, {"CONTEXT": 900}, {"CONTEXT": ""}, {"LONG": "truncate"}):
        code, said = make("batch", "submit", **split | other)
        assert code == 5 and "with another body" in said, other
    ok(make("batch", "submit", **split | {"OVERLAP": 200}))  # as it is without being said
    assert len(server.invoice) == 1


def test_a_kept_request_is_shown_as_it_was_sent(make, server, monkeypatch):
    ok(make("submit"))
    newer(monkeypatch)
    sent = next(WS.shards.glob("*.jsonl")).read_text().split("\n")
    assert ok(make("preview --json --id harbour")).strip() in sent
    assert "read better" not in ok(make("preview --id harbour"))


def test_a_half_sent_transcript_goes_on_in_the_parts_that_it_was_cut_into(make, server, monkeypatch):
    Path("talks/long.txt").write_text(long_talk(60))
    split = {"LONG": "split", "CONTEXT": 1200, "MAX_TOKENS": 200}
    limits = __import__("providers.together").together.Together.limits
    small = lambda self, model: limits(self, model).__class__(max_requests=2, poll=(0.0, 0.0))  # noqa: E731
    monkeypatch.setattr("providers.together.Together.limits", small)
    ok(make("submit", QUEUE_JOBS=2, **split))
    assert [name for job in server.invoice for name in job] == ["harbour", "long.p01", "long.p02", "long.p03"]
    newer(monkeypatch)
    ok(make("submit", **split))
    ok(make("results", **split))
    ok(make("submit --wait", **split))
    ok(make("results", **split))
    assert {row["outcome"] for row in read_jsonl(WS.results)} == {"ok"}
    assert sorted(set(server.paid)) == server.paid


TITLED = "Say what this is about.\n---\n{{ title }}: {{ text }}\n"


@pytest.mark.parametrize("code", ["same", "newer"])
def test_under_another_name_or_in_two_files_it_is_paid_once(code, make, server, monkeypatch):
    Path("talks/twin.txt").write_text(ORCHARD)
    ok(make("submit"))
    assert server.paid == ["harbour", "kiln", "orchard", "weir"]
    ok(make("results"))
    rows = {row["id"]: row for row in read_jsonl(WS.results)}
    if code == "newer":
        newer(monkeypatch)
    ok(make("results"))
    now = {row["id"]: row for row in read_jsonl(WS.results)}
    assert now.pop("twin")["text"] == rows["orchard"]["text"] == rows.pop("twin")["text"]
    assert now == rows
    Path("talks/harbour.vtt").rename("talks/port.vtt")
    talks = Path("talks/more.jsonl").read_text().replace('"kiln"', '"oven"')
    Path("talks/more.jsonl").write_text(talks)
    assert "nothing to send" in ok(make("plan"))
    ok(make("submit"))
    ok(make("results"))
    now = {row["id"]: row for row in read_jsonl(WS.results)}
    assert len(server.paid) == 4 and {row["outcome"] for row in now.values()} == {"ok"}
    for old, new in (("harbour", "port"), ("kiln", "oven")):
        assert (now[new]["text"], now[new]["sent_as"], now[new]["cost"]) == (rows[old]["text"], old, 0.0)


def test_a_prompt_that_sees_the_name_of_a_file_asks_another_under_another(make, server, monkeypatch):
    Path("ask.md").write_text(TITLED)
    ok(make("submit"))
    newer(monkeypatch)
    Path("talks/harbour.vtt").rename("talks/port.vtt")
    ok(make("submit"))
    assert server.invoice[1:] == [["port"]]


@pytest.mark.parametrize("code", ["same", "newer"])
def test_a_prompt_more_sends_that_prompt_alone(code, make, server, monkeypatch):
    ok(make("submit"))
    Path("who.md").write_text("Who speaks?\n")
    if code == "newer":
        newer(monkeypatch)
    code, said = make("submit", PROMPTS="ask.md who.md")
    assert code == 2 and "`make batch PROMPTS='ask.md who.md'`" in said
    ok(make("batch", "submit", PROMPTS="ask.md who.md"))
    assert [name.partition(".")[2] for name in server.invoice[1]] == ["who"] * len(server.invoice[0])
    ok(make("results", PROMPTS="ask.md who.md"))
    assert {row["outcome"] for row in read_jsonl(WS.results)} == {"ok"}


SPLIT = {"LONG": "split", "CONTEXT": 1200, "MAX_TOKENS": 200}


def test_the_combined_answer_is_of_these_parts(make, server, monkeypatch):
    """Parts of A, not combined; B, combined; A again: its own answers are to be combined."""
    Path("talks").joinpath("long.txt").write_text(long_talk(60))
    ok(make("submit", **SPLIT))
    ok(make("results", **SPLIT))
    Path("talks/long.txt").write_text(long_talk(64))
    ok(make("submit --wait", **SPLIT | {"REPLACE": 1}))
    Path("talks/long.txt").write_text(long_talk(60))
    newer(monkeypatch)
    ok(make("results", **SPLIT))
    (row,) = [row for row in read_jsonl(WS.results) if row["id"] == "long"]
    assert row["outcome"] == "unsent" and all(part["outcome"] == "ok" for part in row["parts"])


@pytest.mark.parametrize("code", ["same", "newer"])
def test_a_long_transcript_in_two_files_is_combined_once(code, make, server, monkeypatch):
    for name in ("long", "long2"):
        Path(f"talks/{name}.txt").write_text(long_talk(60))
    ok(make("submit --wait", **SPLIT))
    paid = server.paid
    if code == "newer":
        newer(monkeypatch)
    ok(make("results", **SPLIT))
    texts = {row["id"]: row["text"] for row in read_jsonl(WS.results)}
    assert texts["long"] == texts["long2"]
    ok(make("submit", **SPLIT))
    assert server.paid == paid


@pytest.mark.parametrize(
    "damage",
    [
        lambda row: row | {"at": 0},
        lambda row: row | {"at": 10**9},
        lambda row: row | {"at": "0"},
        lambda row: row | {"made": {}},
        lambda row: {},
        lambda row: [],
        lambda row: None,
    ],
)
def test_rows_that_do_not_belong_to_their_shard_are_told(damage, make, server, monkeypatch):
    ok(make("submit"))
    ok(make("results"))
    path = next(WS.made.iterdir())
    write_jsonl(path, [damage(row) for row in read_jsonl(path)])
    newer(monkeypatch)
    for goal in ("results", "submit"):
        code, said = make(goal)
        assert code == 74 and f"{path} does not belong to its shard" in said
    assert len(server.invoice) == 1


def test_what_a_newer_release_added_to_a_row_is_left_alone(make, server, monkeypatch):
    ok(make("submit"))
    path = next(WS.made.iterdir())
    write_jsonl(path, [row | {"made": row["made"] | {"seed": 7}} for row in read_jsonl(path)])
    newer(monkeypatch)
    ok(make("results"))


def test_the_run_goes_on_with_the_model_that_was_asked_last(ws):
    """Of two that were paid: the one that the last batch asked, where nobody had said it."""
    ledger = Ledger(ws)
    for number, model in enumerate(("old", "dear"), 1):
        ledger.save(
            Receipt(f"{number:04d}-00000000", "fake", 1, 2, "0" * 64, model, "ask", "running", ref={"id": model})
        )
    today = Prompt("new", name="ask")
    assert as_before(today, {"ask": "old"}, ledger).model == "old"
    assert as_before(today, {}, ledger).model == "dear"
    assert as_before(replace(today, given=("model",)), {"ask": "old"}, ledger).model == "new"
    assert as_before(replace(today, model="dear"), {"ask": "old"}, ledger).model == "dear"
    assert as_before(replace(today, name="other"), {}, ledger).model == "new"  # another's word
    assert as_before(replace(today, name="other"), {"ask": "old"}, ledger).model == "old"


def test_each_of_two_has_its_own_combined_answer(make, server, monkeypatch):
    for name in ("long", "zlong"):
        Path(f"talks/{name}.txt").write_text(long_talk(60))
    ok(make("submit", EACH=1, **SPLIT))
    ok(make("results", **SPLIT))
    ok(make("submit", EACH=1, **SPLIT))
    ok(make("results", **SPLIT))
    rows, paid = read_jsonl(WS.results), server.paid
    newer(monkeypatch)
    ok(make("results", **SPLIT))
    assert read_jsonl(WS.results) == rows and {row["outcome"] for row in rows} == {"ok"}
    ok(make("submit", EACH=1, **SPLIT))
    assert server.paid == paid


def test_rounds_go_on_from_where_an_older_release_left_them(make, server, monkeypatch):
    server.rows = lambda rows: [
        row | {"response": {"status_code": 200, "body": answered(row["response"]["body"])}} for row in rows
    ]
    Path("talks/long.txt").write_text(long_talk(250))
    how = {"LONG": "split", "CONTEXT": 1000, "MAX_TOKENS": 150}
    ok(make("submit", **how))
    ok(make("results", **how))
    ok(make("submit", **how))  # the second round
    names = [name for name in server.invoice[1] if ".r2p" in name]
    assert len(names) > 1
    newer_rounds(monkeypatch)
    ok(make("submit --wait", **how))
    ok(make("results", **how))
    assert {row["outcome"] for row in read_jsonl(WS.results)} == {"ok"}
    assert sorted(set(server.paid)) == server.paid


def answered(body: dict) -> dict:
    """With an answer that is as long as it may be."""
    said = [
        choice | {"message": {"role": "assistant", "content": "the oats and " * 40}} for choice in body["choices"]
    ]
    return body | {"choices": said}


def test_a_batch_that_is_made_anew_keeps_the_round(make, server):
    Path("talks/long.txt").write_text(long_talk(60))
    ok(make("submit", **SPLIT))
    ok(make("results", **SPLIT))
    round = WS.round.read_bytes()
    assert round and "`make submit` sends these" in ok(make("plan", **SPLIT)) and WS.round.read_bytes() == round
    Path("talks/new.txt").write_text("Eva: One more.")
    ok(make("batch", **SPLIT))
    assert not WS.round.exists()


def test_what_a_record_says_of_its_own_source_is_not_ours(make, server, monkeypatch):
    """As in a transcripts.jsonl that somebody reads again: it says how another file was read."""
    about = {"path": "x", "given": True, "joined": True, "record": 7, "sha256": "0" * 64}
    record = RECORDS[1] | {"text": "Olu: By hand.", "source": about}
    Path("talks/more.jsonl").write_text(json.dumps(record) + "\n")
    ok(make("submit"))
    newer(monkeypatch)
    ok(make("submit"))
    Path("talks/more.jsonl").write_text(json.dumps(record | {"text": "Olu: By boat."}) + "\n")
    code, said = make("submit")
    assert code == 5 and "another body" in said and len(server.invoice) == 1

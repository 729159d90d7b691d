"""RETRY=1 with another MODEL, MAX_TOKENS or EXTRA: what has no answer is sent under another body, nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import orjson
import pytest

from pipeline.errors import DamagedError, InputError, PipelineError, SpendError
from pipeline.jobs.ledger import Ledger
from pipeline.provider import Limits
from pipeline.sending.correct import Correction
from pipeline.sending.plan import plan
from pipeline.sending.submit_options import Asked, Bounds
from tests.conftest import read_jsonl
from tests.invoice import Paid, Till
from tests.test_kept import WS as KEPT
from tests.test_kept import clean, make, newer, ok, server  # noqa: F401 (fixtures)
from tests.test_makefile import make as real_make  # noqa: F401
from tests.test_money import Run

LONGER = Correction({"max_tokens": 90}, "MAX_TOKENS=90")
OTHER = Correction({"model": "Llama-3.3-70B"}, "MODEL=Llama-3.3-70B")


@pytest.fixture
def failed(tmp_path):
    """Of three requests that of `b` has failed."""
    made = Run(tmp_path / "run", Till())
    made.batch({"a": "oats", "b": "rye", "c": "wheat"})
    made.till.fails = {"b"}
    made.submit()
    assert outcomes(made) == {"a": "ok", "b": "error", "c": "ok"}
    made.till.fails = set()
    return made


def outcomes(run):
    return {row["custom_id"]: row["outcome"] for row in run.results()}


def bodies(run, job=-1):
    """What the last job asked: id, model, max_tokens."""
    rows = [orjson.loads(line) for line in run.till.files[run.till.jobs[job]["file"]].splitlines()]
    return {row["custom_id"]: (row["body"]["model"], row["body"]["max_tokens"]) for row in rows}


def again(how, **more):
    return Asked(retry=True, correction=how, **more)


def test_what_waits_for_room_is_not_of_it(failed):
    """It was never sent: it is for `submit` alone, and as the batch has it."""
    run = failed
    run.batch({"a": "oats", "b": "rye", "c": "wheat", "d": "spelt", "e": "millet"})
    run.till.limits = Limits(max_requests=1, poll=(0.0, 0.0))
    assert run.submit(Asked(bounds=Bounds(queue_jobs=1)))["waiting"] == 1
    run.submit(again(OTHER))
    assert bodies(run) == {"b": ("Llama-3.3-70B", 50)}
    run.submit(Asked())
    assert bodies(run) == {"e": ("Llama-3.1-8B", 50)}
    with pytest.raises(InputError, match="AGAIN is for all that a shard holds, as it is: leave MODEL"):
        run.submit(again(OTHER, again="0001"))


@pytest.mark.parametrize("how", [LONGER, OTHER])
def test_what_has_no_answer_is_sent_under_the_new_body_and_the_rest_stays(how, failed):
    run = failed
    batch, before = run.ws.batch.read_bytes(), run.results()
    run.submit(again(how))
    was = {"model": "Llama-3.1-8B", "max_tokens": 50} | how.body
    assert bodies(run) == {"b": (was["model"], was["max_tokens"])}
    assert outcomes(run) == dict.fromkeys("abc", "ok")
    after = run.results()
    assert (after[0], after[2], run.ws.batch.read_bytes()) == (before[0], before[2], batch)
    assert after[1]["model"] == was["model"] and after[1]["cost"] > 0
    for asked in (Asked(), Asked(retry=True), again(how), again(replace(how, body={**how.body}))):
        run.submit(asked)
    assert len(run.till.jobs) == 3


def test_it_stays_so_when_the_batch_is_made_again_and_is_tried_again_as_it_was_sent_last(failed):
    run = failed
    run.till.fails = {"b"}
    run.submit(again(LONGER))
    assert outcomes(run)["b"] == "error"
    run.batch({"a": "oats", "b": "rye", "c": "wheat", "d": "spelt"})
    run.submit()
    assert bodies(run) == {"d": ("Llama-3.1-8B", 50)}
    run.till.fails = set()
    run.submit(Asked(retry=True))
    assert bodies(run) == {"b": ("Llama-3.1-8B", 90)}
    run.submit(again(OTHER))
    assert outcomes(run) == dict.fromkeys("abcd", "ok") and len(run.till.jobs) == 5


def test_a_second_correction_takes_the_place_of_the_first(failed):
    run = failed
    run.till.fails = {"b"}
    run.submit(again(LONGER))
    outcomes(run)
    run.submit(again(OTHER))
    assert bodies(run) == {"b": ("Llama-3.3-70B", 50)}
    assert read_jsonl(run.ws.corrections)[0]["body"] == {"model": "Llama-3.3-70B"}
    outcomes(run)
    run.submit(again(Correction({"max_tokens": 50}, "MAX_TOKENS=50")))  # as the batch has it
    assert bodies(run) == {"b": ("Llama-3.1-8B", 50)}


def test_over_the_budget_nothing_is_corrected(failed):
    run = failed
    for asked in (again(LONGER, bounds=Bounds(0.0)), again(LONGER, confirm=0.0)):
        with pytest.raises(SpendError):
            run.submit(asked)
    assert not run.ws.corrections.exists() and len(run.till.jobs) == 2
    run.submit()
    assert len(run.till.jobs) == 2 and outcomes(run)["b"] == "error"


def test_a_plan_of_it_writes_nothing_and_says_what_to_type(failed):
    run = failed
    from pipeline.money.tariff import Tariff
    from pipeline.sending.plan_table import table

    files = {path: path.read_bytes() for path in run.ws.root.rglob("*") if path.is_file()}
    made = plan(run.ws, run.provider, again(OTHER), Tariff(run.provider))
    (part,) = made.parts
    assert (part.model, part.requests) == ("Llama-3.3-70B", 1)
    assert "`make submit RETRY=1 MODEL=Llama-3.3-70B` sends these" in "\n".join(table(made))
    assert files == {path: path.read_bytes() for path in run.ws.root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("sample", [0, 2, 3])
@pytest.mark.parametrize("changed", [False, True])
def test_what_was_never_sent_is_not_sent_by_retry_whatever_the_sample(changed, sample, tmp_path):
    asked = again(LONGER) if changed else Asked(retry=True)
    run = Run(tmp_path / "run", Till())
    run.batch({name: f"{name} {'oats ' * number}" for number, name in enumerate("abcdefgh")})
    run.till.fails = set("abcdefgh")
    run.submit(Asked(sample=2))
    first = set(bodies(run))
    outcomes(run)
    run.till.fails = set()
    run.submit(replace(asked, sample=sample))
    assert len(run.till.jobs) == 2 and set(bodies(run)) == first
    run.submit()
    assert set(bodies(run).values()) == {("Llama-3.1-8B", 50)}
    assert sum(len(job["names"]) for job in run.till.jobs) == 10
    assert outcomes(run) == dict.fromkeys("abcdefgh", "ok")


def test_twins_are_corrected_together(tmp_path):
    run = Run(tmp_path / "run", Till())
    run.batch({"a": "oats", "b": "oats"})
    run.till.fails = {"a"}
    run.submit()
    assert outcomes(run) == {"a": "error", "b": "error"}
    run.till.fails = set()
    run.submit(again(LONGER))
    assert len(bodies(run)) == 1 and outcomes(run) == {"a": "ok", "b": "ok"}
    assert len(run.till.jobs) == 2


def test_another_prompt_or_text_is_not_paid_for_by_a_correction(failed):
    run = failed
    texts = {"a": "oats", "b": "rye", "c": "wheat"}
    run.batch(texts, system="Be brief.")
    with pytest.raises(SpendError, match="2 of 3 requests were already submitted with another body"):
        run.submit(again(LONGER))
    run.batch(texts | {"a": "barley"})
    with pytest.raises(SpendError, match="1 of 3"):
        run.submit(again(LONGER))
    assert len(run.till.jobs) == 2
    run.batch(texts)
    run.submit(again(LONGER))
    run.batch(texts | {"b": "barley"})  # the correction was for another text
    with pytest.raises(SpendError):
        run.submit()
    run.submit(Asked(replace=True))
    assert bodies(run) == {"b": ("Llama-3.1-8B", 50)} and outcomes(run) == dict.fromkeys("abc", "ok")


def test_what_does_not_fit_is_said_before_it_is_paid_for(failed):
    run = failed
    with pytest.raises(
        InputError, match=r"\$.custom_id 'b': with MAX_TOKENS=90 it does not fit beside .* takes 80"
    ):
        run.submit(again(replace(LONGER, context=80)))
    assert len(run.till.jobs) == 2 and not run.ws.corrections.exists()


@pytest.mark.parametrize("words", [b"{}\n", b'{"custom_id":"b","of":"0","body":{"max_tokens":9}}\n', b"x\n"])
def test_a_correction_that_somebody_changed_is_damaged(words, failed):
    run = failed
    run.submit(again(LONGER))
    run.ws.corrections.write_bytes(words)
    with pytest.raises((InputError, DamagedError), match=r"corrections.jsonl:1"):
        run.submit()


def test_killed_at_any_step_a_correction_is_paid_once(tmp_path, monkeypatch):
    for at in range(1, 200):
        run = Run(tmp_path / f"run-{at}", Till())
        run.batch({"a": "oats", "b": "rye"})
        run.till.fails = {"b"}
        run.submit()
        outcomes(run)
        run.till.fails = set()
        died = run.killed(at, lambda run=run: run.submit(again(LONGER)), monkeypatch)
        for asked in (Asked(), again(LONGER)):
            run.submit(asked)
        assert outcomes(run) == {"a": "ok", "b": "ok"}, at
        assert len(run.till.jobs) == 2 and bodies(run) == {"b": ("Llama-3.1-8B", 90)}, at
        if not died:
            return
    raise AssertionError("the sweep did not come to its end")


# ---- through the commands ---------------------------------------------------------------------------------------


def test_code_that_makes_other_lines_sends_no_correction_again(make, server, monkeypatch):  # noqa: F811
    server.errors = {"orchard": "overloaded"}
    ok(make("submit"))
    ok(make("results"))
    server.errors = {}
    assert "1 request without an answer" in ok(make("submit", RETRY=1, MAX_TOKENS=77))
    rows = read_jsonl(KEPT.batch)
    ok(make("results"))
    (whole,) = {row["outcome"] for row in read_jsonl(KEPT.results)}
    assert whole == "ok" and len(server.invoice) == 2
    newer(monkeypatch)
    for goals in (("submit",), ("results",), ("batch",), ("submit",), ("results",)):
        ok(make(*goals))
    clean()
    ok(make("batch", "submit", "results"))
    assert {row["outcome"] for row in read_jsonl(KEPT.results)} == {"ok"} and len(server.invoice) == 2
    assert [row["custom_id"] for row in rows] == [row["custom_id"] for row in read_jsonl(KEPT.batch)]


def test_an_answer_that_is_not_valid_is_asked_for_with_another_model(make, server):  # noqa: F811
    from pathlib import Path

    Path("mood.json").write_text(json.dumps({"type": "object", "required": ["mood"]}))
    bent = {"orchard": "no JSON at all"}

    def said(rows):
        for row in rows:
            words = bent.get(row["custom_id"], '{"mood": "calm"}')
            row["response"]["body"]["choices"][0]["message"]["content"] = words
        return rows

    server.rows = said
    asked = {"ANSWER": "mood.json"}
    ok(make("submit", **asked))
    ok(make("results", **asked))
    bent.clear()
    ok(make("submit", **asked, RETRY=1, MODEL="other/model"))
    ok(make("results", **asked))
    assert server.invoice[1:] == [["orchard"]]
    assert {row["outcome"] for row in read_jsonl(KEPT.results)} == {"ok"}


def test_the_goals(real_make):  # noqa: F811
    goal = real_make
    goal.server.errors = {"b": "overloaded"}
    goal.ok("submit", "results")
    run = goal.root / "data/runs/default"
    before = (run / "run.yaml").read_bytes(), (run / "together/batch.jsonl").read_bytes()
    how = {"RETRY": 1, "MAX_TOKENS": 90, "EXTRA": '{"reasoning_effort": "low"}'}
    plan = goal.ok("plan", **how)
    assert "RETRY=1 MAX_TOKENS=90" in plan.stdout and "not taken" not in plan.stderr
    goal.refused("submit", says="PROMPT=topics, and the batch was made with", PROMPT="topics", **how)
    goal.refused("try", says="RETRY=1 is for `make plan` and `make submit`; nothing is sent", **how)
    goal.server.errors = {}
    said = goal.ok("submit", **how).stderr
    assert "1 request without an answer; all others stay as they were sent" in said
    assert goal.server.invoice == [["a", "b", "c"], ["b"]]
    body = orjson.loads(list(goal.server.files.values())[-1]["data"])["body"]
    assert (body["max_tokens"], body["reasoning_effort"]) == (90, "low")
    assert before == ((run / "run.yaml").read_bytes(), (run / "together/batch.jsonl").read_bytes())
    goal.ok("results")
    assert goal.results() == dict.fromkeys("abc", "ok")
    goal.ok("submit", "results", **how)
    goal.ok("clean")
    goal.ok("submit", "results")
    goal.refused("submit", says="MAX_TOKENS=90, and the batch was made with", MAX_TOKENS=90)
    assert len(goal.server.invoice) == 2 and goal.results() == dict.fromkeys("abc", "ok")


@pytest.mark.parametrize("extra", ['{"messages": []}', '{"model": "x"}', "[]", "{"])
def test_extra_may_not_set_what_has_a_variable(extra, make, server):  # noqa: F811
    server.errors = {"orchard": "overloaded"}
    ok(make("submit"))
    ok(make("results"))
    code, said = make("submit", RETRY=1, EXTRA=extra)
    assert code == 2 and "EXTRA" in said and len(server.invoice) == 1


def test_rounds_are_corrected_too(make, server):  # noqa: F811
    from pathlib import Path

    from tests.releases.make import long_talk

    Path("talks/long.txt").write_text(long_talk(60))
    split = {"LONG": "split", "CONTEXT": 1200, "MAX_TOKENS": 200}
    server.errors = {"long": "overloaded", "long.p02": "overloaded"}
    ok(make("submit", **split))
    ok(make("results", **split))
    server.errors = {"long": "overloaded"}
    ok(make("submit", **split | {"RETRY": 1, "EXTRA": '{"seed": 1}', "MAX_TOKENS": "", "CONTEXT": ""}))
    ok(make("results"))
    ok(make("submit"))
    ok(make("results"))
    server.errors = {}
    ok(make("submit", RETRY=1, EXTRA='{"seed": 2}'))
    ok(make("results"))
    assert server.invoice[1:] == [["long.p02"], ["long"], ["long"]]
    rows = {row["custom_id"]: row for row in read_jsonl(KEPT.results)}
    assert {row["outcome"] for row in rows.values()} == {"ok"} and len(rows["long"]["parts"]) > 1
    ok(make("submit"))
    ok(make("submit", RETRY=1))
    ok(make("results"))
    assert len(server.invoice) == 4


def test_a_line_of_another_wire_that_stands_as_it_was_sent_is_not_changed(failed, monkeypatch):
    """Its body is shown and is not what was asked: the person is told."""
    run = failed
    monkeypatch.setattr(Paid, "custom_id", lambda self, line: orjson.loads(line)["custom_id"])
    rows = read_jsonl(run.ws.batch)
    receipt = next(iter(Ledger(run.ws)))
    rows[1] |= {"sent": {"shard": receipt.shard, "at": len(rows)}}
    monkeypatch.setattr("pipeline.jobs.corrections.Corrections._stands", lambda self, request: True)
    with pytest.raises(PipelineError, match="stands as another release sent it, and cannot be changed"):
        run.submit(again(LONGER))
    assert len(run.till.jobs) == 2


def test_a_correction_that_was_never_started_is_in_no_batch(make, server):  # noqa: F811
    server.errors = {"orchard": "overloaded"}
    ok(make("submit"))
    ok(make("results"))
    server.fault("create", "400")
    assert make("submit", RETRY=1, MODEL="typo")[0] == 4
    clean()
    ok(make("batch"))
    assert {row["body"]["model"] for row in read_jsonl(KEPT.batch)} == {"openai/gpt-oss-120b"}


def test_a_first_part_that_failed_is_sent_again(make, server):  # noqa: F811
    from pathlib import Path

    from tests.releases.make import long_talk

    Path("talks/long.txt").write_text(long_talk(60))
    split = {"LONG": "split", "CONTEXT": 1200, "MAX_TOKENS": 200}
    server.errors = {"long.p01": "overloaded"}
    ok(make("submit", **split))
    ok(make("results", **split))
    server.errors = {}
    ok(make("submit", RETRY=1))
    assert server.invoice[1:] == [["long.p01"]]


def test_an_answer_to_a_correction_that_is_not_valid_can_be_asked_for_again(make, server):  # noqa: F811
    from pathlib import Path

    Path("mood.json").write_text(json.dumps({"type": "object", "required": ["mood"]}))
    words = []

    def said(rows):
        for row in rows:
            row["response"]["body"]["choices"][0]["message"]["content"] = words[-1]
        return rows

    server.rows, asked = said, {"ANSWER": "mood.json"}
    words.append('{"mood": "calm"}')
    server.errors = {"orchard": "overloaded"}
    ok(make("submit", **asked))
    ok(make("results", **asked))
    server.errors = {}
    words.append("no JSON")
    ok(make("submit", **asked, RETRY=1, MODEL="other/model"))
    ok(make("results", **asked))
    words.append('{"mood": "glad"}')
    ok(make("submit", **asked, RETRY=1))
    ok(make("results", **asked))
    assert server.invoice[1:] == [["orchard"]] * 2
    assert {row["outcome"] for row in read_jsonl(KEPT.results)} == {"ok"}


def test_where_nothing_was_sent_there_is_nothing_to_correct(tmp_path):
    run = Run(tmp_path / "run", Till())
    run.batch({"a": "oats"})
    with pytest.raises(InputError, match=r"nothing was sent yet: `make batch MAX_TOKENS=90`"):
        run.submit(again(LONGER))
    assert run.till.jobs == []


def test_the_same_words_for_another_text_are_another_correction(failed):
    run = failed
    run.submit(again(LONGER))
    run.batch({"a": "oats", "b": "barley", "c": "wheat"})
    run.till.fails = {"b"}
    run.submit(Asked(replace=True))
    outcomes(run)
    run.till.fails = set()
    run.submit(again(LONGER))
    assert bodies(run) == {"b": ("Llama-3.1-8B", 90)} and outcomes(run)["b"] == "ok"

"""What was started or fetched by hand is taken over, and never paid again."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.adopting.foreign import Foreign
from pipeline.adopting.take_over import adopt
from pipeline.base.workspace import Workspace
from pipeline.errors import PipelineError
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.start_context import Starter
from pipeline.sending.submit import submit
from pipeline.testkit.wire import Answer
from providers import together
from tests.anthropic_server import AnthropicServer
from tests.conftest import read_jsonl
from tests.fakes import FakeTime
from tests.test_kept import make, ok, server  # noqa: F401 (fixtures)

WS = Workspace.of("default", "together")


@pytest.fixture
def by_hand(server):  # noqa: F811
    """`by_hand(rows)` uploads them and starts a job, as a script of anybody's does; the id of the job."""
    from together import Together

    client = Together(api_key="k", base_url=server.url)

    def start(rows: list[dict]) -> str:
        path = Path("by_hand.jsonl")
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        file = client.files.upload(file=path, purpose="batch-api", check=False)
        return client.batches.create(endpoint="/v1/chat/completions", input_file_id=file.id).job.id

    return start


@pytest.fixture
def mine(make):  # noqa: F811
    """The requests as a script of one's own writes them: other keys first, a route, spaces."""
    ok(make("batch"))

    def row(request: dict) -> dict:
        body = request["body"]
        return {"custom_id": request["custom_id"], "body": {name: body[name] for name in reversed(body)}}

    return [row(request) for request in read_jsonl(WS.batch)]


def outcomes() -> dict[str, tuple[str, str | None]]:
    return {row["custom_id"]: (row["outcome"], row["job"]) for row in read_jsonl(WS.results)}


def names(rows: list[dict]) -> list[str]:
    return [row["custom_id"] for row in rows]


@pytest.mark.parametrize("how", ["1", "id"])
def test_a_job_by_hand_is_taken_and_only_the_rest_is_new(how, mine, by_hand, make, server):  # noqa: F811
    job = by_hand(mine[1:])
    said = ok(make("adopt", ADOPT=job if how == "id" else 1))
    assert f"took over {job}: {len(mine) - 1} requests of this batch" in said
    assert "1 request left, which `make submit` pays for; next: `make results`" in said
    ok(make("read"))
    assert outcomes() == {mine[0]["custom_id"]: ("unsent", None)} | dict.fromkeys(names(mine[1:]), ("ok", job))
    assert server.invoice == [names(mine[1:])]
    ok(make("submit"))
    ok(make("results"))
    assert server.invoice == [names(mine[1:]), names(mine[:1])]
    assert {outcome for outcome, _ in outcomes().values()} == {"ok"}
    assert f"job {job} is this run's already" in make("adopt", ADOPT=job)[1]


@pytest.mark.parametrize("others", [0, 15, 60])
def test_a_job_of_a_script_stops_what_would_pay_again(others, mine, by_hand, make, server):  # noqa: F811
    """Its lines are in other words, and beside those of other episodes."""
    more = [{"custom_id": f"x{n}", "body": {**mine[0]["body"], "messages": []}} for n in range(others)]
    job = by_hand([*more, *mine[1:]] if others < 20 else [*mine[1:], *more])
    code, said = make("submit")
    assert code == 5 and f"has a job for some of these very requests, which this run does not know: {job} (" in said
    assert "`make submit ADOPT=1` takes its answers without paying" in said and not list(WS.shards.iterdir())
    said = ok(make("submit", ADOPT=1))
    assert f"took over {job}: {len(mine) - 1} requests" in said
    ok(make("submit"))
    assert server.invoice[1:] == [names(mine[:1])]


def test_in_a_job_of_many_others_the_last_ones_are_found_too(mine, by_hand, make, server):  # noqa: F811
    more = [{"custom_id": f"x{n}", "body": {**mine[0]["body"], "messages": []}} for n in range(60)]
    assert f"took over {by_hand([*more, *mine])}" in ok(make("adopt"))


@pytest.mark.parametrize("verb", ["list", "content"])
def test_jobs_that_cannot_be_looked_into_stop_nothing(verb, mine, by_hand, make, server):  # noqa: F811
    by_hand([{**row, "custom_id": f"x{row['custom_id']}"} for row in mine])
    server.fault(verb, "500")
    ok(make("submit"))
    assert server.starts() == 2


def test_what_asks_something_else_is_named_and_not_taken(mine, by_hand, make, server):  # noqa: F811
    changed = [{**mine[0], "body": {**mine[0]["body"], "max_tokens": 5}}, *mine[1:]]
    said = ok(make("adopt", ADOPT=by_hand(changed)))
    assert f"{mine[0]['custom_id']} asked something else there, and is not taken" in said
    ok(make("submit"))
    assert server.invoice[1:] == [names(mine[:1])]


def test_ids_of_ones_own_are_told_by_what_they_ask(mine, by_hand, make, server):  # noqa: F811
    own = [{**row, "custom_id": f"row {number}"} for number, row in enumerate(mine)]
    ok(make("adopt", ADOPT=by_hand(own)))
    ok(make("read"))
    rows = read_jsonl(WS.results)
    assert [(row["outcome"], row["sent_as"]) for row in rows] == [("ok", f"row {n}") for n in range(len(mine))]
    assert all(row["text"].startswith(f"answer to row {number}:") for number, row in enumerate(rows))
    ok(make("submit"))
    assert len(server.invoice) == 1


def test_of_two_jobs_of_the_same_one_is_taken_and_what_others_asked_is_left(mine, by_hand, make, server):  # noqa: F811
    by_hand([{"custom_id": f"x{n}", "body": {**mine[0]["body"], "messages": []}} for n in range(30)])
    first, second = by_hand(mine), by_hand(mine[::-1])
    said = ok(make("adopt"))
    assert f"took over {second}" in said and first not in said
    assert server.starts() == 3
    assert "nothing is sent" in ok(make("submit"))


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("batch-9999", "no job batch-9999 for this key"),
        ("../files/x", "ADOPT=../files/x: no id of a job"),
        ("$(shell x)", "no id of a job"),
    ],
)
def test_a_job_that_is_not_there_is_said(typed, says, mine, make, server):  # noqa: F811
    code, said = make("adopt", ADOPT=typed)
    assert code and says in said
    assert server.starts() == 0


def test_a_job_of_another_batch_is_refused_by_its_id_and_left_by_1(mine, by_hand, make, server):  # noqa: F811
    job = by_hand([{"custom_id": "other", "body": {**mine[0]["body"], "max_tokens": 1}}])
    code, said = make("adopt", ADOPT=job)
    assert code == 2 and f"job {job}: none of its 1 request is one of this batch" in said
    code, said = make("adopt", ADOPT=1)
    assert code == 5 and "no other job of exactly these requests that did not fail" in said
    assert server.starts() == 1


def test_without_its_file_a_job_is_proved_by_ours_or_by_a_word(mine, by_hand, make, server):  # noqa: F811
    job = by_hand(mine)
    server.files = {name: file for name, file in server.files.items() if file["purpose"] != "batch-api"}
    code, said = make("adopt", ADOPT=job)
    assert code == 2 and "REQUESTS= and the file that was uploaded prove it; YES=1 is your word" in said
    ok(make("adopt", ADOPT=job, REQUESTS="by_hand.jsonl"))
    ok(make("read"))
    assert set(outcomes().values()) == {("ok", job)} and "unproved" not in read_jsonl(WS.results)[0]


def test_the_rows_of_a_word_say_unproved(mine, by_hand, make, server):  # noqa: F811
    server.polls_needed = 1
    job = by_hand(mine)
    server.files = {name: file for name, file in server.files.items() if file["purpose"] != "batch-api"}
    code, said = make("adopt", ADOPT=job, YES=1)
    assert code == 75 and f"job {job} runs" in said
    ok(make("adopt", ADOPT=job, YES=1))
    ok(make("read"))
    assert [(row["outcome"], row["job"], row["unproved"]) for row in read_jsonl(WS.results)] == [
        ("ok", job, True)
    ] * len(mine)
    assert "nothing is sent" in ok(make("submit")) and server.starts() == 1


def fetched(mine, by_hand, server) -> Path:  # noqa: F811
    """Its answers, as `files.content` gives them."""
    from together import Together

    client, job = Together(api_key="k", base_url=server.url), by_hand(mine)
    while not (output := client.batches.retrieve(job).output_file_id):
        pass
    path = Path("out.jsonl")
    path.write_bytes(client.files.content(output).read())
    return path


@pytest.mark.parametrize("proof", [{"REQUESTS": "by_hand.jsonl"}, {}])
def test_answers_that_were_fetched_by_hand_are_merged(proof, mine, by_hand, make, server):  # noqa: F811
    out = fetched(mine[1:], by_hand, server)
    ok(make("adopt", OUTPUT=out, **proof))
    ok(make("read"))
    rows = read_jsonl(WS.results)
    assert [row["outcome"] for row in rows] == ["unsent", *["ok"] * (len(mine) - 1)]
    assert all(row.get("unproved", False) == (not proof) for row in rows[1:])
    assert rows[1]["job"].startswith("by-hand-") and rows[1]["usage"]
    code, said = make("adopt", OUTPUT=out, **proof)
    assert code == 2 and "without a job" in said
    ok(make("submit"))
    ok(make("results"))
    assert server.invoice[1:] == [names(mine[:1])]


def test_with_what_was_uploaded_a_missing_answer_is_missing_and_a_changed_one_is_not_taken(
    mine, by_hand, make, server  # noqa: F811
):  # fmt: skip
    out = fetched(mine, by_hand, server)
    kept = [row for row in read_jsonl(out) if row["custom_id"] != names(mine)[0]]
    out.write_text("".join(json.dumps(row) + "\n" for row in kept))
    rows = read_jsonl(Path("by_hand.jsonl"))
    rows[-1]["body"]["messages"][-1]["content"] += " Be brief."
    Path("by_hand.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ok(make("adopt", OUTPUT=out, REQUESTS="by_hand.jsonl"))
    ok(make("read"))
    first, *_, last = outcomes().values()
    assert (first[0], last[0]) == ("missing", "unsent")


def test_files_that_are_not_there_or_are_no_answers_are_said(mine, make, server):  # noqa: F811
    Path("junk.jsonl").write_bytes(b'[1]\n"x"\n\xff\n{"custom_id": 7}\n')
    for how, says in (
        ({"OUTPUT": "nowhere.jsonl"}, "nowhere.jsonl: no such file"),
        ({"OUTPUT": "junk.jsonl"}, "none of its"),
        ({"OUTPUT": "junk.jsonl", "REQUESTS": "junk.jsonl"}, "none of its 4 requests"),
    ):
        code, said = make("adopt", **how)
        assert code == 2 and says in said
    assert not WS.jobs.exists() and server.requests == []


def test_a_job_of_several_prompts_is_read_by_the_prompt_of_each(by_hand, make, server):  # noqa: F811
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    Path("count.md").write_text(f"---\nanswer: {json.dumps(schema)}\n---\nCount.\n---\n{{{{ text }}}}\n")
    several = {"PROMPT": "", "PROMPTS": "ask.md count.md"}
    ok(make("batch", **several))
    job = by_hand(read_jsonl(WS.batch))
    ok(make("adopt", ADOPT=job, **several))
    ok(make("read", **several))
    kinds = {(row["prompt"], row["outcome"]) for row in read_jsonl(WS.results)}
    assert kinds == {("ask", "ok"), ("count", "invalid")}
    assert "nothing is sent" in ok(make("submit", **several)) and server.starts() == 1


def test_killed_at_any_step_an_adoption_is_paid_once(mine, by_hand, server, monkeypatch):  # noqa: F811
    """What was not written down is taken at the next try; a submit in between would be asked about."""
    from pipeline.testkit.crash import Killed, Steps, dying_disk

    job, provider = by_hand(mine), together.Together()
    for at in range(1, 60):
        steps = Steps(at)
        with monkeypatch.context() as patch:
            dying_disk(patch, steps)
            with suppress(Killed):
                adopt(Starter(Ledger(WS), provider, FakeTime().clock, lambda text: None), Foreign((job,)))
        if any(receipt.ref for receipt in Ledger(WS)):
            break
    else:
        raise AssertionError("the sweep did not come to its end")
    submit(WS, provider, clock=FakeTime().clock, say=lambda text: None)
    assert server.starts() == 1


def test_a_service_that_gives_nothing_back_takes_the_ids_of_its_answers(make, monkeypatch):  # noqa: F811
    with AnthropicServer() as service:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", service.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", service.secret)
        how = {"PROVIDER": "anthropic", "MODEL": "claude-haiku-4-5"}
        ok(make("batch", **how))
        ws = Workspace.of("default", "anthropic")
        ids = names(read_jsonl(ws.batch))
        call = {"params": {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}}
        import httpx

        job = httpx.post(
            f"{service.url}/v1/messages/batches",
            json={"requests": [{"custom_id": name, **call} for name in ids]},
            headers={"Authorization": f"Bearer {service.secret}", "anthropic-version": "2023-06-01"},
        ).json()["id"]
        service.advance()
        code, said = make("adopt", ADOPT=job, **how)
        assert code == 2 and "anthropic does not give back what job" in said
        ok(make("adopt", ADOPT=job, YES=1, **how))
        ok(make("read", **how))
        rows = read_jsonl(ws.results)
        assert [(row["custom_id"], row["outcome"], row["unproved"]) for row in rows] == [
            (name, "ok", True) for name in ids
        ]
        assert len(service.invoice) == 1


# ---- chosen ones, once more ---------------------------------------------------------------------------------


def test_chosen_ones_are_sent_again_and_no_others(mine, make, server):  # noqa: F811
    first, second, *rest = names(mine)
    code, said = make("submit", ID="nobody")
    assert code == 2 and "ID=nobody: no transcript and no request of the batch has this id; nothing is sent" in said
    code, said = make("submit", ID=first.upper())
    assert code == 2 and f"ID={first.upper()}: " in said and f"this id; {first}?" in said
    code, said = make("submit", REQUESTS="mine.jsonl")
    assert code == 2 and "REQUESTS is for ADOPT=…" in said and server.starts() == 0
    assert "nor is there such a file" in make("submit", ID="some/ids.txt")[1]
    said = ok(make("submit", ID=f"{first} {second}"))
    assert server.invoice == [[first, second]] and f"{len(rest)} of {len(mine)} requests not sent yet" in said
    ok(make("submit"))
    ok(make("results"))
    paid = len(server.invoice)
    said = ok(make("submit", ID=first))
    assert "nothing is sent" in said and "REPLACE=1 those that have an answer again" in said
    Path("again.txt").write_text(f"{second}\n\n{first}\n")
    server.polls_needed = 99
    ok(make("submit", ID="again.txt", REPLACE=1))
    assert server.invoice[paid:] == [[first, second]]
    assert "nothing is sent" in ok(make("submit", ID="again.txt", REPLACE=1))  # it runs
    assert "nothing is sent" in ok(make("submit"))
    server.polls_needed = 0
    ok(make("results"))
    jobs = {row["custom_id"]: row["job"] for row in read_jsonl(WS.results)}
    assert jobs[first] == jobs[second] == f"batch-{paid + 1:04d}" and len(set(jobs.values())) == paid


def test_a_plan_of_chosen_ones_says_them_alone(mine, make, server):  # noqa: F811
    said = ok(make("plan", ID=names(mine)[0]))
    assert re.search(rf"pending +1 of {len(mine)} requests", said)
    ok(make("submit"))
    ok(make("results"))
    assert re.search(r"pending +0 of", ok(make("plan", ID=names(mine)[0])))
    assert re.search(r"pending +1 of", ok(make("plan", ID=names(mine)[0], REPLACE=1)))


def test_a_job_that_may_be_a_strangers_is_taken_on_a_word_alone(mine, by_hand, make, server):  # noqa: F811
    server.faults["create"] = [500]
    assert make("submit")[0] == 75 and not server.jobs
    job = by_hand([{"custom_id": names(mine)[0], "body": {**mine[0]["body"], "max_tokens": 1}}])
    server.job_hook = lambda job: {**job, "input_file_id": ""}
    server.files = {}
    assert f"as {job} (" in make("submit")[1]
    code, said = make("adopt")
    assert code and "took over" not in said and not any(receipt.ref for receipt in Ledger(WS))
    said = ok(make("adopt", ADOPT=1))
    assert f"took over job {job}" in said and f"{len(mine)} requests taken over, nothing is sent" in said


def test_a_job_of_a_lost_start_is_taken_by_its_id_where_the_list_cannot_tell(mine, make, server):  # noqa: F811
    server.fault("create", "executed:500")
    server.job_hook = lambda job: {**job, "input_file_id": ""}
    assert "as batch-0001 (" in make("submit")[1]
    said = ok(make("adopt", ADOPT="batch-0001"))
    assert f"{len(mine)} requests taken over, nothing is sent" in said and server.starts() == 1


def test_another_job_of_the_same_requests_leaves_what_may_be_paid(mine, by_hand, make, server):  # noqa: F811
    """A superset is not what was started: both may have to be paid."""
    server.fault("create", "executed:500")
    server.list = lambda body: Answer(200, [])
    assert make("submit")[0] == 75
    more = {"custom_id": "x", "body": {**mine[0]["body"], "messages": []}}
    ok(make("adopt", ADOPT=by_hand([*mine, more])))
    assert "nothing is sent" in ok(make("submit"))
    assert sum(receipt.own_lost for receipt in Ledger(WS).paid()) == 1
    code, said = make("submit", ADOPT=0)
    assert code == 2 and "ADOPT=0 takes over nothing: leave it out" in said


def test_answers_that_were_fetched_by_hand_leave_a_lost_start_in_doubt(mine, make, server):  # noqa: F811
    server.fault("create", "executed:500")
    server.list = lambda body: Answer(200, [])
    assert make("submit")[0] == 75
    done = {"response": {"status_code": 200, "body": {"choices": [{"message": {"content": "words"}}]}}}
    Path("out.jsonl").write_text("".join(json.dumps({**row, **done}) + "\n" for row in mine))
    one = Path("out.jsonl").read_text().splitlines()[0]
    Path("one.jsonl").write_text(one)
    ok(make("adopt", OUTPUT="one.jsonl"))
    ok(make("read", PARTIAL=1))
    rows = read_jsonl(WS.results)[1:]
    assert {row["cost"] for row in rows} == {None} and all("may be paid" in row["error"]["message"] for row in rows)
    ok(make("adopt", OUTPUT="out.jsonl"))
    assert sum(receipt.own_lost for receipt in Ledger(WS).paid()) == 1


def test_what_finds_nothing_plans_nothing(mine, make, server):  # noqa: F811
    for how in ({}, {"ADOPT": 1}):
        code, said = make("adopt", **how)
        assert code == 5 and "no other job of exactly these requests" in said and "at most" not in said
    assert not any(receipt.unstarted for receipt in Ledger(WS))


def test_a_job_that_is_taken_by_its_id_ends_the_doubt(mine, make, server):  # noqa: F811
    server.fault("create", "executed:500")
    server.list = lambda body: Answer(200, [])
    code, said = make("submit")
    assert code == 75 and "up to 1 job" in said
    ok(make("adopt", ADOPT=server.jobs[0]["id"] if isinstance(server.jobs, list) else next(iter(server.jobs))))
    ok(make("read"))
    assert {outcome for outcome, _ in outcomes().values()} == {"ok"}
    assert "nothing is sent" in ok(make("submit")) and server.starts() == 1


def test_what_was_sent_with_another_body_is_not_called_unsent(mine, make, server):  # noqa: F811
    ok(make("submit"))
    ok(make("results"))
    ok(make("batch", TEMPERATURE=0.7))
    first, *others = names(mine)
    ok(make("submit", ID=first, REPLACE=1))
    said = ok(make("results"))
    assert (
        f"1 ok, {len(others)} unsent" in said and "`make plan` says what of the batch was sent with another" in said
    )
    assert "`make submit` sends" not in said + ok(make("status"))
    assert f"{len(others)} of {len(mine)} requests were already submitted" in make("submit")[1]
    assert server.starts() == 2


def test_a_transcript_that_failed_and_was_mended_is_what_retry_sends(mine, make, server):  # noqa: F811
    first, *_ = names(mine)
    assert first == "harbour"
    server.errors = {first: "too long"}
    ok(make("submit"))
    ok(make("results"))
    server.errors = {}
    Path("talks/harbour.vtt").write_text(
        Path("talks/harbour.vtt").read_text() + "\n\n09:00.000 --> 09:01.000\nMore.\n"
    )
    assert "pending    1 of 4" in ok(make("plan", RETRY=1))
    assert "1 sent now" in ok(make("submit", RETRY=1))
    ok(make("results"))
    assert server.invoice[1:] == [[first]] and {outcome for outcome, _ in outcomes().values()} == {"ok"}


def test_hostile_lists_of_jobs_take_nothing(mine, by_hand, server):  # noqa: F811
    by_hand(mine)
    jobs = server.list(b"").content
    for rows in (None, [None], [{**jobs[0], "id": "../x"}], [{**jobs[0], "input_file_id": "../x"}], "junk"):
        server.list = lambda body, rows=rows: Answer(200, rows)
        server.job_hook = lambda job, rows=rows: job if rows is None else {**job, "input_file_id": "../x"}
        starter = Starter(Ledger(WS), together.Together(), FakeTime().clock, lambda text: None)
        with suppress(PipelineError):
            assert adopt(starter, Foreign()) == 0
    assert server.starts() == 1 and not any(receipt.ref for receipt in Ledger(WS))


@pytest.mark.parametrize("words", [b"", b"\n \n", b"\xff\xfe"])
def test_an_id_that_names_nobody_is_not_everybody(words, mine, make, server):  # noqa: F811
    """A search that found nothing writes such a file."""
    Path("some.txt").write_bytes(words)
    for how in ({}, {"REPLACE": 1}):
        code, said = make("submit", ID="some.txt", **how)
        assert code == 2 and "ID=some.txt: " in said
    assert make("submit", ID=" ")[0] == 2 and server.starts() == 0


def test_of_two_requests_under_one_id_neither_is_taken(mine, make, server):  # noqa: F811
    rows = [{**row, "custom_id": "x"} for row in mine[:2]] + mine[2:]
    Path("by_hand.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = {"response": {"status_code": 200, "body": {"choices": [{"message": {"content": "words"}}]}}}
    answers = [{"custom_id": row["custom_id"], **done} for row in rows]
    Path("out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
    assert "x asked something else there" in ok(make("adopt", OUTPUT="out.jsonl", REQUESTS="by_hand.jsonl"))
    ok(make("read"))
    assert [outcome for outcome, _ in outcomes().values()] == ["unsent", "unsent", *["ok"] * (len(mine) - 2)]


def test_a_job_that_may_not_be_looked_into_is_said_and_not_taken_on_a_word(mine, by_hand, make, server):  # noqa: F811
    job = by_hand(mine)
    server.fault("content", "403")
    code, said = make("adopt", ADOPT=job, YES=1)
    assert code == 4 and "403" in said
    ok(make("adopt", ADOPT=job))

"""A file of requests, as the guides of batch APIs have them, is the batch itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.base.workspace import Workspace
from tests.conftest import read_jsonl
from tests.test_kept import make, ok, server  # noqa: F401 (fixtures)

WS = Workspace.of("default", "together")
IDS = ["episode-1", "talk.p01", "talk.p02", "show 3/ü", "x" * 80]


def row(name: str, **more) -> dict:
    body = {"model": "openai/gpt-oss-120b", "messages": [{"role": "user", "content": f"About {name}?"}]}
    return {"custom_id": name, "body": {**body, "max_tokens": 50, "seed": 7, **more}}


def write(rows: list[dict], name: str = "requests.jsonl") -> dict:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"TRANSCRIPTS": name, "PROMPT": ""}


def test_the_bodies_stay_and_the_answers_come_under_the_custom_ids(make, server):  # noqa: F811
    how = write([row(name) for name in IDS])
    said = ok(make("batch", **how))
    assert "5 requests for openai/gpt-oss-120b" in said
    assert "pending    5 of 5 requests" in ok(make("plan", **how))
    ok(make("submit", **how))
    sent = [request for job in server.jobs.values() for request in job.rows]
    assert [one["body"] for one in sent] == [row(name)["body"] for name in IDS]
    assert [one["custom_id"] for one in sent[:4]] == IDS[:4] and len(
        sent[4]["custom_id"]
    ) == 64  # services take no more
    ok(make("results", **how))
    rows = read_jsonl(WS.results)
    assert [(one["custom_id"], one["id"], one["outcome"], one["parts"]) for one in rows] == [
        (name, name, "ok", None) for name in IDS
    ]
    ok(make("batch", **how))
    assert "nothing is sent" in ok(make("submit", **how))


def test_those_that_fail_are_sent_again_and_one_can_be_chosen(make, server):  # noqa: F811
    how = write([row(name) for name in IDS])
    server.errors = {"talk.p02": "overloaded"}
    ok(make("submit", **how))
    ok(make("results", **how))
    server.errors = {}
    ok(make("submit", RETRY=1, **how))
    ok(make("submit", ID="talk.p01", REPLACE=1, **how))
    assert server.invoice[1:] == [["talk.p02"], ["talk.p01"]]
    ok(make("results", **how))
    assert {one["outcome"] for one in read_jsonl(WS.results)} == {"ok"}


def test_what_is_for_transcripts_does_not_apply_and_that_is_said(make, server, run, monkeypatch):  # noqa: F811
    write([row("a")])
    code, _, err = run("batch", "requests.jsonl", "--prompt", "nowhere.md", "--model", "other")
    assert code == 0 and "MODEL and PROMPT do not apply: these are whole requests" in err
    (request,) = read_jsonl(WS.batch)
    assert request == row("a")


def deep(levels: int) -> list:
    whole: list = []
    for _ in range(levels):
        whole = [whole]
    return whole


ASK = [{"role": "user", "content": "x"}]
BAD = {
    "no max_tokens": ({"custom_id": "a", "body": {"model": "m", "messages": ASK}}, "max_tokens"),
    "no messages": ({"custom_id": "a", "body": {"model": "m", "max_tokens": 5}}, "messages"),
    "an endpoint of its own": (row("a") | {"url": "/v1/embeddings"}, "only chat completions are sent"),
    "a field of its own": (row("a") | {"note": "x"}, "$.note: a request has custom_id and body"),
    "no name": (row(""), "$.custom_id"),
    "a name with a line in it": (row("a\nb"), "$.custom_id"),
    "a number of more than 64 bits": (row("a", tools=[{"most": 2**70}]), "$.body: 1180591620717411303424 has more"),
    "too many levels": (row("a", tools=[deep(300)]), "$.body: more than 100 levels"),
    "far too many": (row("a", tools=[deep(900)]), "$.body: more than 100 levels"),
    "a number for a name": (row("a") | {"custom_id": 7}, "$.custom_id"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_each_line_is_checked(kind, make, server, run):  # noqa: F811
    bad, says = BAD[kind]
    how = write([row("good"), bad])
    code, said = make("batch", **how)
    assert code == 2 and "requests.jsonl:2" in said and says in said
    code, out, _ = run("validate", "requests.jsonl")
    assert code == 2 and says in out
    assert not WS.batch.exists()


def test_two_of_one_name_or_a_transcript_among_them_are_refused(make, server):  # noqa: F811
    code, said = make("batch", **write([row("a"), row("a")]))
    assert code == 2 and "'a' is also the id at requests.jsonl:1" in said
    code, said = make("batch", **write([row("a"), {"id": "b", "text": "words"}]))
    assert code == 2 and "b: whole requests and transcripts are for two runs" in said
    code, said = make("batch", **write([{"id": "b", "text": "words"}, row("a")]))
    assert code == 2 and "a: whole requests and transcripts are for two runs" in said


def test_validate_knows_them(run):
    write([row(name) | {"method": "POST", "url": "/v1/chat/completions"} for name in IDS])
    assert run("validate", "requests.jsonl")[:2] == (0, "5 whole requests, all valid\n")


def test_a_job_that_was_started_with_the_file_is_taken_over(make, server):  # noqa: F811
    from together import Together

    how = write([row(name) for name in IDS[:4]])
    client = Together(api_key="k", base_url=server.url)
    file = client.files.upload(file=Path("requests.jsonl"), purpose="batch-api", check=False)
    job = client.batches.create(endpoint="/v1/chat/completions", input_file_id=file.id).job.id
    assert "4 requests taken over" in ok(make("adopt", ADOPT=job, **how))
    ok(make("read", **how))
    assert [(one["custom_id"], one["job"]) for one in read_jsonl(WS.results)] == [(name, job) for name in IDS[:4]]
    assert server.starts() == 1

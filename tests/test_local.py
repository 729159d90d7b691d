"""The service on this machine: a job is a folder, a worker works it off, a killed one is followed by another."""

from __future__ import annotations

import importlib.util
import sys

import orjson
import pytest

from pipeline.errors import Rejected, Unencodable
from pipeline.provider import Shard
from providers import local
from providers.job_folders.job import Job, append
from providers.local import model, worker


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "ws" / "shards" / "0001-00000000.jsonl"
    path.parent.mkdir(parents=True)
    requests = [
        {"custom_id": name, "body": {"model": model.BUNDLED, "messages": [], "max_tokens": 5}} for name in "abc"
    ]
    data = b"".join(local.Local().encode(request) + b"\n" for request in requests)
    path.write_bytes(data)
    return Shard(path.stem, path, 3, len(data), "0" * 64)


@pytest.fixture
def woken(monkeypatch):
    """Workers that would have been started."""
    jobs = []
    monkeypatch.setattr(local, "wake", lambda job, module: jobs.append(job))
    return jobs


@pytest.fixture
def started(shard, woken):
    provider = local.Local()
    handle = provider.stage(shard)
    return provider, provider.start(shard, handle)


def answer(body):
    return {"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}], "model": "/some/path.gguf"}


def outputs(provider, ref):
    data = b"".join(b"".join(download.chunks) for download in provider.fetch(ref))
    return [provider.decode(line) for line in data.split(b"\n") if line]


def test_a_job_from_start_to_answers(started, shard):
    provider, ref = started
    assert provider.poll(ref).state == "running"
    worker.work(Job(ref["job"]), lambda: answer)
    status = provider.poll(ref)
    assert (status.state, status.done) == ("completed", 3)
    results = outputs(provider, ref)
    assert [(result.custom_id, result.text) for result in results] == [("a", "yes"), ("b", "yes"), ("c", "yes")]
    assert results[0].model == "SmolLM2-135M-Instruct (demo-grade)"


def test_a_job_is_found_once_it_exists(shard, woken):
    provider = local.Local()
    handle = provider.stage(shard)
    assert provider.find(shard, handle) == []
    ref = provider.start(shard, handle)
    assert [found.ref for found in provider.find(shard, handle)] == [ref]


def test_a_killed_worker_is_followed_by_another_that_goes_on(started, woken):
    provider, ref = started
    job = Job(ref["job"])
    asked = []

    def dies_on_the_second(body):
        asked.append(body)
        if len(asked) == 2:
            raise KeyboardInterrupt  # leaves as a kill would: nothing is tidied up
        return answer(body)

    with pytest.raises(KeyboardInterrupt):
        worker.work(job, lambda: dies_on_the_second)
    with job.answers.open("ab") as stream:
        stream.write(b'{"custom_id":"b","resp')  # cut in the middle of a line
    before = len(woken)
    assert provider.poll(ref).done == 1
    assert len(woken) == before + 1
    worker.work(job, lambda: dies_on_the_second)
    assert [result.custom_id for result in outputs(provider, ref)] == ["a", "b", "c"]
    assert len(asked) == 4


def test_a_second_worker_leaves_at_once(started):
    _, ref = started
    job = Job(ref["job"])
    with job.lock() as mine:
        assert mine
        worker.work(job, lambda: pytest.fail("the model was loaded by a second worker"))
    assert job.state is None


def test_while_a_worker_lives_no_other_is_woken(started, woken):
    provider, ref = started
    before = len(woken)
    with Job(ref["job"]).lock():
        provider.poll(ref)
    assert len(woken) == before


def test_a_request_on_which_workers_die_is_given_up_and_the_rest_goes_on(started):
    provider, ref = started
    job = Job(ref["job"])
    for _ in range(worker.MOST_TRIES):
        append(job.tries, b"0")
    worker.work(job, lambda: answer)
    first, *rest = outputs(provider, ref)
    assert first.error == {"message": "the worker died 3 times on this request", "code": "worker_died"}
    assert all(result.ok for result in rest)


def test_a_transcript_over_the_context_is_a_row_error_with_its_size(started):
    provider, ref = started
    too_long = {"error": {"type": "exceed_context_size_error", "n_prompt_tokens": 9000, "n_ctx": 8192}}
    worker.work(Job(ref["job"]), lambda: lambda body: too_long)
    result = outputs(provider, ref)[0]
    assert result.error["code"] == "context_length_exceeded"
    assert "9000 tokens" in result.error["message"]
    assert "8192" in result.error["message"]


def test_an_engine_that_cannot_load_fails_the_job_with_its_reason(started):
    provider, ref = started

    def load():
        raise Rejected("no weights here")

    worker.work(Job(ref["job"]), load)
    status = provider.poll(ref)
    assert (status.state, status.error) == ("failed", "no weights here")


def test_cancel_keeps_what_is_answered(started):
    provider, ref = started
    job = Job(ref["job"])

    def cancels(body):
        job.cancel()
        return answer(body)

    worker.work(job, lambda: cancels)
    assert provider.poll(ref).state == "cancelled"
    assert [result.custom_id for result in outputs(provider, ref)] == ["a"]


def test_cancel_of_a_job_that_nobody_works_on_ends_it(started):
    provider, ref = started
    provider.cancel(ref)
    assert provider.poll(ref).state == "cancelled"


def test_a_field_the_engine_does_not_know_is_refused_by_name():
    with pytest.raises(Unencodable, match="tools"):
        local.Local().encode({"custom_id": "a", "body": {"model": "m", "tools": []}})


def test_a_missing_model_says_what_to_type(monkeypatch):
    monkeypatch.setenv("LOCAL_MODEL", "/nowhere/model.gguf")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    with pytest.raises(Rejected, match="name a GGUF file"):
        local.Local().preflight("m")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Rejected, match="make install PROVIDER=local"):
        local.Local().preflight("m")


@pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="make install PROVIDER=local")
def test_the_real_model_answers_and_refuses_what_is_too_long(shard):
    """In a process of its own, as the worker runs it."""
    import subprocess

    root = shard.path.parent.parent / "job"
    say = [{"role": "user", "content": "Say hello."}]
    long = [{"role": "user", "content": "word " * 9000}]
    rows = [{"custom_id": n, "body": {"model": model.BUNDLED, "messages": m, "max_tokens": 8}} for n, m in
            (("short", say), ("long", long))]  # fmt: skip
    shard.path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    Job(root).create(shard=str(shard.path), requests=2)
    subprocess.run([sys.executable, "-m", "providers.local.worker", str(root)], check=True, cwd=model_root())
    assert Job(root).state == {"state": "completed", "error": None}
    short, long = [local.Local().decode(line) for line in Job(root).answers.read_bytes().splitlines()]
    assert short.ok
    assert short.usage["completion_tokens"] <= 8
    assert long.error["code"] == "context_length_exceeded"


def model_root():
    from tests.conftest import ROOT

    return ROOT


def test_the_window_is_known_and_a_wrong_one_is_said(monkeypatch):
    assert local.Local().limits("m").context == 8192
    monkeypatch.setenv("LOCAL_CONTEXT", "4096")
    assert local.Local().limits("m").context == 4096
    monkeypatch.setenv("LOCAL_CONTEXT", "big")
    with pytest.raises(Rejected, match="LOCAL_CONTEXT=big is no number of tokens"):
        local.Local().limits("m")


def test_the_engine_counts_tokens_and_without_it_nothing_is_counted(monkeypatch):
    assert local.Local().tokens("the lamp of the harbour") == 5
    monkeypatch.setattr("providers.local.model.counter", lambda: model.weights())
    monkeypatch.setattr("providers.local.model.importlib.util.find_spec", lambda name: None)
    assert local.Local().tokens("oats") is None


def test_one_request_is_answered_at_once(monkeypatch):
    bodies = []

    def chat(body):
        bodies.append(body)
        return {"choices": [{"message": {"content": "oats"}, "finish_reason": "stop"}]}

    monkeypatch.setattr(model, "load", lambda: chat)
    provider = local.Local()
    body = {"model": model.BUNDLED, "messages": [], "max_tokens": 5}
    for name in ("a", "b"):
        result = provider.decode(provider.ask(provider.encode({"custom_id": name, "body": body}), model.BUNDLED))
        assert (result.custom_id, result.text, result.model) == (name, "oats", f"{model.BUNDLED} (demo-grade)")
    assert bodies == [body, body]

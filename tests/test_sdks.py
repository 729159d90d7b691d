"""Vendors' own SDKs as oracles: what they send is what our plugins send. `make test-sdks` installs them."""

from __future__ import annotations

import email
import json
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.testkit.contract import IDS, Run
from pipeline.testkit.wire import Call
from tests.anthropic_server import AnthropicServer
from tests.test_openai_compatible import Service

DEFAULTS = {
    "limit",
    "page_size",
    "order_by",
    "order",
    "created_by_me",
}  # how an SDK likes its lists is nobody's business


def told(call: Call) -> dict[str, Any]:
    """What a request says: path, query, key, and its body as JSON or as the fields of a form."""
    keys = {name: call.headers[name] for name in ("authorization", "anthropic-version") if call.headers[name]}
    query = {name: value for name, value in call.query.items() if name not in DEFAULTS}
    return {"path": call.match.string, "query": query, "keys": keys, "body": _body(call)}


def _body(call: Call) -> Any:
    kind = call.headers.get("content-type", "")
    if "multipart" in kind:
        form = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + call.body)
        parts = {part.get_param("name", header="content-disposition"): part for part in form.get_payload()}
        parts.pop("visibility", None)  # an SDK's own default
        return {name: part.get_payload(decode=True) for name, part in parts.items()}
    return json.loads(call.body) if call.body else None


def compared(service: Any, run: Run, theirs: Callable[[bytes, dict], None]) -> None:
    """Both go the whole way with the same shard; each verb's first request must be the same."""
    run.make(*IDS)
    run.send()
    run.collect()
    run.provider.cancel({"id": service.jobs[0]["id"]})
    ours = service.calls[:]
    shard = next(run.ws.shards.glob("*.jsonl")).read_bytes()
    started = next(told(call)["body"] for verb, call in ours if verb == "start")
    service.calls.clear()
    theirs(shard, started)
    for verb in {verb for verb, _ in service.calls}:
        mine, other = (told(next(call for kind, call in calls if kind == verb)) for calls in (ours, service.calls))
        for each in (mine, other):  # the second upload and the second job have ids of their own
            each["path"] = each["path"].replace("0004", "0001").replace("0002", "0001")
        if verb == "start" and "requests" not in mine["body"]:
            for each in (mine, other):
                each["body"].pop("input_file_id", None) or each["body"].pop("input_files")
        assert mine == other, verb


@pytest.fixture
def services(monkeypatch):
    """`services("openai")` is the fake and a run of our plugin with it."""
    opened = []

    def serve(name: str):
        server = AnthropicServer() if name == "anthropic" else Service(name)
        opened.append(server.__enter__())
        monkeypatch.setenv(f"{name.upper()}_BASE_URL", server.url if name == "anthropic" else server.base_url)
        for key in server.provider().keys:
            monkeypatch.setenv(key, server.secret)
        return server, Run(server)

    yield serve
    for server in opened:
        server.__exit__()


def test_openai(services, tmp_path):
    openai = pytest.importorskip("openai")
    server, run = services("openai")
    client = openai.OpenAI(api_key=server.secret, base_url=server.base_url, max_retries=0)

    def theirs(shard: bytes, started: dict) -> None:
        file = client.files.create(file=("0001.jsonl", shard, "application/jsonl"), purpose="batch")
        fields = {name: started[name] for name in ("completion_window", "endpoint", "metadata")}
        job = client.batches.create(input_file_id=file.id, **fields)
        assert client.batches.list(limit=100).data[0].id == job.id
        client.batches.retrieve(job.id)
        done = client.batches.retrieve(job.id)
        assert done.status == "completed"
        assert client.files.content(done.output_file_id).content.count(b"\n") == len(IDS)
        client.batches.cancel(job.id)

    compared(server, run, theirs)


def test_mistral(services, tmp_path):
    mistral = pytest.importorskip("mistralai.client")
    server, run = services("mistral")
    client = mistral.Mistral(api_key=server.secret, server_url=server.url)

    def theirs(shard: bytes, started: dict) -> None:
        file = client.files.upload(file={"file_name": "0001.jsonl", "content": shard}, purpose="batch")
        fields = {name: started[name] for name in ("endpoint", "model", "metadata", "timeout_hours")}
        job = client.batch.jobs.create(input_files=[file.id], **fields)
        client.batch.jobs.list()
        client.batch.jobs.get(job_id=job.id)
        client.batch.jobs.cancel(job_id=job.id)

    compared(server, run, theirs)


def test_anthropic(services):
    anthropic = pytest.importorskip("anthropic")
    server, run = services("anthropic")
    client = anthropic.Anthropic(api_key=server.secret, base_url=server.url, max_retries=0)

    def theirs(shard: bytes, started: dict) -> None:
        job = client.messages.batches.create(requests=started["requests"])
        assert client.messages.batches.list(limit=100).data[0].id == job.id
        client.messages.batches.retrieve(job.id)
        assert client.messages.batches.retrieve(job.id).processing_status == "ended"
        assert len(list(client.messages.batches.results(job.id))) == len(IDS)
        client.messages.batches.cancel(job.id)

    compared(server, run, theirs)

"""What the provider sends and reads, against Google's own SDK on the same fake service (if it is installed)."""

from __future__ import annotations

import re

import orjson
import pytest

from pipeline.provider import Shard
from providers import gemini
from providers.gemini.job import short
from providers.wire import gemini_contents as contents
from tests.gemini_server import GeminiServer

genai = pytest.importorskip("google.genai")
types = genai.types

MODEL = "gemini-2.5-flash"
HASH = "f" * 64
LINE = {
    "custom_id": "a",
    "body": {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5},
}


@pytest.fixture
def server(monkeypatch):
    with GeminiServer() as running:
        monkeypatch.setenv("GEMINI_API_KEY", running.secret)
        monkeypatch.setenv("GEMINI_BASE_URL", running.url)
        yield running


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "0001-ffff.jsonl"
    path.write_bytes(contents.encode(LINE) + b"\n")
    return Shard("0001-ffff", path, 1, path.stat().st_size, HASH)


@pytest.fixture
def client(server):
    # The SDK's own default is v1 since 3.0; the batch is documented for v1beta, which also has the preview models.
    options = types.HttpOptions(base_url=server.url, api_version="v1beta")
    return genai.Client(api_key=server.secret, http_options=options)


def seen(server):
    """Verb, path, query, body and the headers that matter, of each call since the last look."""
    calls = [(verb, call.match[0], call.query, _body(call), _headers(call)) for verb, call in server.calls]
    server.calls.clear()
    return calls


def _body(call):
    """JSON in one spelling of its fields; protobuf takes both."""
    if not call.body.startswith(b"{") or call.body.endswith(b"\n"):
        return call.body
    return _camel(orjson.loads(call.body))


def _camel(value):
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        re.sub(r"_([a-z])", lambda letter: letter[1].upper(), name): _camel(item) for name, item in value.items()
    }


def _headers(call):
    command = call.headers.get("X-Goog-Upload-Command", "")
    wanted = ["X-Goog-Upload-Offset", "Content-Length"] if "finalize" in command else ["x-goog-api-key"]
    if command == "start":
        kinds = ("Protocol", "Header-Content-Length", "Header-Content-Type")
        wanted += [f"X-Goog-Upload-{kind}" for kind in kinds]
    return command, {name: call.headers.get(name) for name in wanted}


def test_an_upload_and_a_start(server, client, shard):
    plugin = gemini.Gemini()
    plugin.start(shard, plugin.stage(shard))
    ours = seen(server)
    config = types.UploadFileConfig(mime_type="application/jsonl", display_name=shard.key)
    file = client.files.upload(file=str(shard.path), config=config)
    job = client.batches.create(model=MODEL, src=file.name, config={"display_name": HASH})
    theirs = seen(server)
    for call in theirs:  # of its second file
        if call[0] == "stage":
            call[2].update({name: "1" for name in call[2] if name == "upload_id"})
        else:
            call[3]["batch"]["inputConfig"]["fileName"] = "files/f0001"
    assert ours == theirs
    assert job.display_name == HASH


def test_every_other_call(server, client, shard):
    plugin = gemini.Gemini()
    handle = plugin.stage(shard)
    for _ in range(3):
        plugin.start(shard, handle)
    seen(server)
    found = plugin.find(shard, handle)
    status = plugin.poll({"id": "batches/b0001"})
    plugin.cancel({"id": "batches/b0001"})
    ours = seen(server)
    listed = list(client.batches.list(config={"page_size": 100}))
    job = client.batches.get(name="batches/b0001")
    client.batches.cancel(name="batches/b0001")
    assert ours == seen(server)
    assert [one.ref["id"] for one in found] == [one.name for one in listed]
    assert {one.display_name for one in listed} == {HASH}
    assert (status.state, job.state.name) == ("running", "JOB_STATE_CANCELLED")


def test_a_download(server, client, shard):
    server.place = "metadata"  # the only place where this SDK looks
    server.polls_needed = 0
    plugin = gemini.Gemini()
    ref = plugin.start(shard, plugin.stage(shard))
    assert plugin.poll(ref).state == "completed"
    seen(server)
    (file,) = plugin.fetch(ref)
    (verb, path, query, _, _) = seen(server)[-1]
    job = client.batches.get(name=ref["id"])
    data = client.files.download(file=job.dest.file_name)
    asked, redirected = seen(server)[-2:]
    assert (
        (verb, path, query)
        == redirected[:3]
        == ("fetch", "/download/v1beta/files/f0002:download", {"alt": "media"})
    )
    assert asked[:2] == ("fetch_redirect", "/v1beta/files/f0002:download")
    assert file.size == client.files.get(name="files/f0002").size_bytes == len(data)
    assert contents.decode(data).text == "answer to a"


@pytest.mark.parametrize("word", [state.value for state in types.JobState])
def test_every_state_of_the_sdk_is_known(word):
    job = {"metadata": {"state": word}}
    assert short(job) in gemini.STATES or word.endswith("UNSPECIFIED")


@pytest.mark.parametrize("reason", [reason.value for reason in types.FinishReason])
def test_every_finish_reason_is_told(reason):
    line = orjson.dumps({"key": "a", "response": {"candidates": [{"finishReason": reason}]}})
    assert contents.decode(line).finish_reason


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
CASES = {
    "sampling": (
        {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "seed": 7, "presence_penalty": 1, "frequency_penalty": 1},
        {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "seed": 7, "presence_penalty": 1, "frequency_penalty": 1},
    ),
    "stop": ({"stop": "END"}, {"stop_sequences": ["END"]}),
    "schema": (
        {"response_format": FORMAT},
        {"response_mime_type": "application/json", "response_json_schema": SCHEMA},
    ),
    "budget": ({"reasoning_effort": "low"}, {"thinking_config": {"thinking_budget": 1024}}),
    "level": (
        {"model": "gemini-3.5-flash", "reasoning_effort": "low"},
        {"thinking_config": {"thinking_level": "LOW"}},
    ),
    "own": (
        {
            "tools": [{"googleSearch": {}}],
            "cachedContent": "cachedContents/x",
            "serviceTier": "flex",
            "store": False,
        },
        {
            "tools": [{"google_search": {}}],
            "cached_content": "cachedContents/x",
            "service_tier": "flex",
            "store": False,
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_request_is_what_the_sdk_makes_of_it(case, server, client):
    fields, config = CASES[case]
    messages = [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
    ]
    body = {"model": MODEL, "max_tokens": 9, "messages": messages, **fields}
    ours = orjson.loads(contents.encode({"custom_id": "a", "body": body}))["request"]
    turns = [
        types.Content(role=turn["role"], parts=[types.Part(text=turn["parts"][0]["text"])])
        for turn in ours["contents"]
    ]
    instruction = types.Content(parts=[types.Part(text="Be short.")])
    whole = {"max_output_tokens": 9, "system_instruction": instruction, **config}
    request = types.InlinedRequest(model=body["model"], contents=turns, config=whole)
    server.fault("start", "400")
    with pytest.raises(genai.errors.ClientError):
        client.batches.create(model=body["model"], src=[request])
    (call,) = seen(server)
    theirs = call[3]["batch"]["inputConfig"]["requests"]["requests"][0]["request"]
    theirs["systemInstruction"].pop("role", None)
    assert ours == theirs

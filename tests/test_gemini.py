"""The Gemini provider against its wire on loopback: the whole way, what may go wrong on it, and the lines."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.workspace import Workspace
from pipeline.batch.prompt import Prompt
from pipeline.errors import Ambiguous, Busy, InputError, Rejected, SpendError, Unencodable
from pipeline.provider import Result, Shard
from pipeline.sending.submit import submit
from pipeline.testkit.wire import Answer
from providers import gemini
from providers.gemini.job import created_of
from providers.wire import gemini_contents as contents
from tests.conftest import ROOT, batched, read_jsonl, write_jsonl
from tests.fakes import FakeTime, asking
from tests.gemini_server import GeminiServer
from tests.stages import Watch

MODEL = "gemini-2.5-flash"


@pytest.fixture
def server(monkeypatch):
    with GeminiServer() as running:
        monkeypatch.setenv("GEMINI_API_KEY", running.secret)
        monkeypatch.setenv("GEMINI_BASE_URL", running.url)
        yield running


@pytest.fixture
def ws():
    return Workspace.of("test", "gemini")


@pytest.fixture
def said():
    return []


@pytest.fixture
def make_batch(ws, tmp_path):
    def make(*ids, **how):
        path = write_jsonl(tmp_path / "talks.jsonl", [{"id": name, "text": f"words of {name}"} for name in ids])
        batched(ws, [path], Prompt(MODEL, **how))

    return make


@pytest.fixture
def send(ws, said):
    time = FakeTime()
    return lambda **how: submit(ws, gemini.Gemini(), clock=time.clock, say=said.append, **asking(how))


@pytest.fixture
def collect(ws, said):
    def run(wait=True):
        Watch(ws, gemini.Gemini(), FakeTime().clock, said.append).results(wait)
        return {row["custom_id"]: row["outcome"] for row in read_jsonl(ws.results)}

    return run


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "0001-aaaa.jsonl"
    path.write_bytes(contents.encode(asked()) + b"\n")
    return Shard("0001-aaaa", path, 1, path.stat().st_size, "a" * 64)


def asked(name="a", **fields):
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}], **fields}
    return {"custom_id": name, "body": body}


# -- the whole way ----------------------------------------------------------------------------------


def test_the_whole_way(server, make_batch, send, collect, ws):
    make_batch("a", "b", "c", system="Be short.")
    send()
    assert collect() == {"a": "ok", "b": "ok", "c": "ok"}
    rows = read_jsonl(ws.results)
    assert [row["text"] for row in rows] == ["answer to a", "answer to b", "answer to c"]
    details = {"completion_tokens_details": {"reasoning_tokens": 2}}
    assert rows[0]["usage"] == {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17, **details}
    assert (rows[0]["job"], rows[0]["model"], rows[0]["finish_reason"]) == ("batches/b0001", MODEL, "stop")
    shard = next(ws.shards.glob("*.jsonl"))
    assert server.files["files/f0001"] == {
        "name": "files/f0001",
        "data": shard.read_bytes(),
        "mime": "application/jsonl",
        "label": shard.stem,
    }


def test_it_is_a_plugin_that_setup_names():
    plugin = gemini.batch_provider()
    assert (plugin.name, plugin.keys, plugin.discount) == ("gemini", ("GEMINI_API_KEY",), "50 % less")
    assert plugin.default_model is None
    assert plugin.limits(MODEL).max_bytes == 2_000_000_000
    assert "    gemini = providers.gemini\n" in (ROOT / "setup.cfg").read_text()


@pytest.mark.parametrize(
    "fault", ["executed:500", "executed:503", "executed:408", "executed:409", "executed:drop", "executed:truncate",
              "executed:html", "executed:empty"]
)  # fmt: skip
def test_a_start_whose_answer_is_lost_is_sent_once(fault, server, make_batch, send, collect):
    make_batch("a")
    server.fault("start", fault)
    send()
    assert server.starts() == 1
    assert server.invoice == [["a"]]
    assert collect() == {"a": "ok"}


@pytest.mark.parametrize("fault", ["500", "drop"])
def test_a_start_that_was_never_executed_is_repeated_once_after_settle(fault, server, make_batch, send):
    make_batch("a")
    send()  # by which the list is known to show jobs
    make_batch("a", "b")
    server.fault("start", fault)
    send()
    assert server.starts() == 3
    assert server.invoice == [["a"], ["b"]]


@pytest.mark.parametrize("status", ["400", "401", "403", "404"])
def test_a_refused_start_is_not_repeated(status, server, make_batch, send):
    make_batch("a")
    server.fault("start", status)
    with pytest.raises(Rejected):
        send()
    assert server.starts() == 1
    assert server.invoice == []


def test_a_service_that_is_busy_is_asked_again(server, make_batch, send):
    make_batch("a")
    server.fault("start", "429:7", "429")
    send()
    assert server.invoice == [["a"]]


@pytest.mark.parametrize("verb", ["stage", "find"])
@pytest.mark.parametrize("fault", ["500", "429:3", "drop", "executed:drop", "executed:truncate", "executed:html"])
def test_what_is_safe_to_repeat_is_repeated(verb, fault, server, make_batch, send, collect):
    make_batch("a")
    server.fault(verb, fault)
    send()
    assert server.invoice == [["a"]]
    assert collect() == {"a": "ok"}


@pytest.mark.parametrize("answer", [Answer(500), None, Answer(200, {}), Answer(200, {"file": {"name": 7}})])
def test_the_second_call_of_an_upload_may_fail_too(answer, server, shard):
    take, server._bytes = server._bytes, lambda *call: answer
    with pytest.raises(Busy):
        gemini.Gemini().stage(shard)
    server._bytes = take
    assert gemini.Gemini().stage(shard)["file"] in server.files


def test_an_upload_that_stored_less_is_no_upload(server, shard):
    server._bytes = lambda *call: Answer(200, {"file": {"name": "files/f1", "sizeBytes": "7"}})
    with pytest.raises(Busy, match="stored 7 of"):
        gemini.Gemini().stage(shard)


@pytest.mark.parametrize("fault", ["cut", "short", "executed:html", "executed:empty", "500", "drop"])
@pytest.mark.parametrize("sizes", [True, False])
def test_a_broken_download_is_fetched_again(sizes, fault, server, make_batch, send, collect):
    server.sizes = sizes
    make_batch("a", "b", "c")
    send()
    server.fault("fetch", fault)
    assert collect() == {"a": "ok", "b": "ok", "c": "ok"}


def test_a_file_that_is_named_and_not_there(server, make_batch, send, collect, said):
    make_batch("a")
    send()
    server.fault("fetch", *["404"] * 40)
    assert collect() == {"a": "missing"}
    assert any("names an output file and does not have it" in text for text in said)


def test_a_failed_row_says_why(server, make_batch, send, collect, ws):
    make_batch("a", "b")
    server.errors = {"b": "Unsupported MIME type"}
    send()
    assert collect() == {"a": "ok", "b": "error"}
    assert read_jsonl(ws.results)[1]["error"] == {"message": "Unsupported MIME type", "code": "3"}


@pytest.mark.parametrize("word", ["JOB_STATE_PARTIALLY_SUCCEEDED", "BATCH_STATE_PARTIALLY_SUCCEEDED"])
def test_a_job_of_which_some_rows_failed_is_complete(word, server, make_batch, send, collect):
    make_batch("a", "b")
    server.errors, server.partial_word = {"b": "no"}, word.partition("STATE_")[2]
    server.family, server.polls_needed = word.partition("PARTIALLY")[0], 0
    send()
    assert gemini.Gemini().poll({"id": "batches/b0001"}).state == "completed"
    assert collect() == {"a": "ok", "b": "error"}


@pytest.mark.parametrize("family", ["BATCH_STATE_", "JOB_STATE_"])
@pytest.mark.parametrize(
    ("ending", "outcome"), [("expired", "expired"), ("cancelled", "cancelled"), ("failed", "error")]
)
def test_partial_output_is_kept(family, ending, outcome, server, make_batch, send, collect):
    make_batch("a", "b", "c")
    server.family, server.ending, server.answered = family, ending, 2
    send()
    assert collect() == {"a": "ok", "b": "ok", "c": outcome}


def test_a_job_that_expired_without_a_file(server, make_batch, send, collect):
    make_batch("a", "b")
    server.ending, server.answered = "expired", 0
    send()
    assert collect() == {"a": "expired", "b": "expired"}


def test_the_reason_of_a_failed_job_reaches_every_row(server, make_batch, send, collect, ws):
    make_batch("a", "b")
    server.ending, server.answered = "failed", 0
    send()
    assert collect() == {"a": "error", "b": "error"}
    assert "it broke" in read_jsonl(ws.results)[0]["error"]["message"]


@pytest.mark.parametrize("place", ["response", "metadata"])
def test_a_file_that_is_named_late_is_waited_for(place, server, make_batch, send, collect):
    make_batch("a")
    server.place, server.late_files = place, 2
    send()
    assert collect() == {"a": "ok"}


def test_an_unknown_word_means_still_running(server, make_batch, send, collect, said):
    make_batch("a")
    send()
    server.word = "BATCH_STATE_DREAMING"
    plugin = gemini.Gemini()
    status = plugin.poll({"id": "batches/b0001"})
    assert (status.state, status.raw) == ("running", "BATCH_STATE_DREAMING")
    assert "unknown status 'BATCH_STATE_DREAMING'" in status.warning
    server.word = None
    assert collect() == {"a": "ok"}


@pytest.mark.parametrize("word", ["QUEUED", "PENDING", "RUNNING", "CANCELLING", "PAUSED", "UPDATING"])
def test_words_that_mean_running_warn_of_nothing(word, server, make_batch, send):
    make_batch("a")
    send()
    server.word = f"JOB_STATE_{word}"
    status = gemini.Gemini().poll({"id": "batches/b0001"})
    assert (status.state, status.warning) == ("running", None)


def test_counts_are_strings_or_absent(server, make_batch, send):
    make_batch("a", "b", "c")
    server.errors = {"b": "no"}
    send()
    plugin, ref = gemini.Gemini(), {"id": "batches/b0001"}
    assert plugin.poll(ref).done == 0
    assert plugin.poll(ref).done == 3
    server.no_counts = True
    assert plugin.poll(ref).done is None


def test_a_job_without_counts_is_collected(server, make_batch, send, collect):
    make_batch("a")
    server.no_counts = True
    send()
    assert collect() == {"a": "ok"}


def test_poll_failures_never_end_the_wait(server, make_batch, send, collect):
    make_batch("a")
    send()
    server.fault("poll", *["500"] * 7, "drop", "429", "executed:html", "executed:empty")
    assert collect() == {"a": "ok"}
    assert server.invoice == [["a"]]


def test_cancel(server, make_batch, send, collect):
    make_batch("a", "b")
    server.polls_needed, server.answered = 99, 1
    send()
    gemini.Gemini().cancel({"id": "batches/b0001"})
    assert sorted(collect().values()) == ["cancelled", "ok"]


def test_a_job_is_found_on_every_page_by_its_exact_name(server, shard):
    plugin = gemini.Gemini()
    handle = plugin.stage(shard)
    for name in ["a" * 63, shard.sha256, "b" * 64, "a" * 65, "c" * 64, shard.sha256]:
        plugin.start(Shard(shard.key, shard.path, 1, shard.bytes, name), handle)
    found = plugin.find(shard, handle)
    assert [job.ref["id"] for job in found] == ["batches/b0006", "batches/b0002"]
    assert found[1].created < found[0].created
    assert all(job.exact and job.state == "running" for job in found)
    assert sum(verb == "find" for verb, _ in server.requests) == 3


def test_jobs_of_one_second_sort_by_their_fractions():
    times = ["2026-11-23T10:00:01Z", "2026-11-23T10:00:01.5Z", "2026-11-23T10:00:01.500001Z"]
    jobs = [{"metadata": {"createTime": time}} for time in times]
    assert [created_of(job) for job in jobs] == sorted(created_of(job) for job in jobs)


def test_pages_without_end_are_no_list(server, shard, monkeypatch):
    monkeypatch.setattr(gemini, "MOST_PAGES", 3)
    server.list = lambda call: Answer(200, {"operations": [], "nextPageToken": "again"})
    with pytest.raises(Busy, match="more than 3 pages"):
        gemini.Gemini().find(shard, {"file": "files/f0001"})


@pytest.mark.parametrize("answer", [[], {"operations": "x"}, {"operations": {"a": 1}}, "x", None])
def test_a_list_that_is_no_list_is_not_taken_for_an_empty_one(answer, server, shard):
    server.list = lambda call: Answer(200, answer)
    with pytest.raises(Busy):
        gemini.Gemini().find(shard, {"file": "files/f0001"})


@pytest.mark.parametrize("entry", [None, 1, {}, {"name": 7}, {"name": "batches/b"}])
def test_an_entry_of_the_list_that_says_too_little_may_be_a_job(entry, server, shard):
    server.list = lambda call: Answer(
        200, {"operations": [entry, {"name": "x", "metadata": {"displayName": "other"}}]}
    )
    (found,) = gemini.Gemini().find(shard, {"file": "files/f0001"})
    assert not found.exact and bool(found.state) == (entry == {"name": "batches/b"})


@pytest.mark.parametrize("answer", [{}, [], {"name": 7}, {"name": "../x"}, {"name": "batches/b?x"}])
def test_a_start_without_a_usable_name_is_ambiguous(answer, server, shard):
    server.create = lambda call: Answer(200, answer)
    with pytest.raises(Ambiguous):
        gemini.Gemini().start(shard, {"file": "files/f0001"})


def test_a_job_of_these_requests_that_nobody_knows_is_not_paid_again(server, make_batch, send, ws):
    make_batch("a")
    send()
    for path in [*ws.jobs.iterdir(), *ws.shards.iterdir()]:
        path.unlink()
    with pytest.raises(SpendError, match="batches/b0001"):
        send()
    assert server.starts() == 1
    send(adopt=True)
    assert server.invoice == [["a"]]


def test_a_job_of_another_key_is_named(server):
    with pytest.raises(Rejected, match=r"no job batches/b0009 for this key .* set the GEMINI_API_KEY"):
        gemini.Gemini().poll({"id": "batches/b0009"})


# -- key and address --------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "  ", "k abc", "k\nabc", "kö"])
def test_a_key_that_cannot_be_sent_is_refused_before_any_call(key, server, make_batch, send, monkeypatch):
    make_batch("a")
    monkeypatch.setenv("GEMINI_API_KEY", key)
    with pytest.raises(Rejected, match="GEMINI_API_KEY") as refusal:
        send()
    assert server.requests == []
    assert not key.strip() or key not in str(refusal.value)


def test_a_wrong_key_is_not_printed_back(server, make_batch, send, monkeypatch):
    make_batch("a")
    monkeypatch.setenv("GEMINI_API_KEY", "wrong-0123456789")
    with pytest.raises(Rejected, match=r"API key not valid: \[key\]"):
        send()


def test_the_key_is_in_no_address_and_no_file(server, make_batch, send, collect, said, caplog, tmp_path):
    caplog.set_level(logging.INFO)
    make_batch("a")
    server.fault("start", "executed:500")
    send()
    collect()
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    everything = written.decode("utf-8", "replace") + caplog.text + "\n".join(said)
    assert server.secret not in everything
    assert all(server.secret not in target for _, target in server.requests)
    assert all(call.headers["x-goog-api-key"] == server.secret for _, call in server.calls)


def test_the_bytes_go_to_no_other_host(server, make_batch, send, collect):
    make_batch("a")
    server.host = "https://elsewhere.example"
    send()
    assert collect() == {"a": "ok"}


def test_the_prefix_of_a_gateway_is_kept(server, shard, monkeypatch):
    """What a gateway answers may have its prefix or not."""
    answer = server.answer
    server.answer = lambda method, target, *rest: answer(method, target.removeprefix("/gate"), *rest)
    monkeypatch.setenv("GEMINI_BASE_URL", f"{server.url}/gate")
    for host in (server.url, f"{server.url}/gate"):
        server.host = host
        assert gemini.Gemini().stage(shard)["file"] in server.files


@pytest.mark.parametrize("tail", ["", "/", "/v1beta", "/v1beta/"])
def test_the_version_may_stand_in_the_address(tail, server, make_batch, send, monkeypatch):
    monkeypatch.setenv("GEMINI_BASE_URL", server.url + tail)
    make_batch("a")
    send()
    assert server.invoice == [["a"]]


def test_the_address_is_googles_unless_another_is_set(monkeypatch):
    monkeypatch.delenv("GEMINI_BASE_URL", raising=False)
    assert gemini.base_url() == "https://generativelanguage.googleapis.com"
    for url in ("http://example.com", "https://user:pass@example.com", "ftp://x", "nonsense"):
        monkeypatch.setenv("GEMINI_BASE_URL", url)
        with pytest.raises(Rejected, match="GEMINI_BASE_URL"):
            gemini.base_url()


# -- lines: encoding --------------------------------------------------------------------------------


def encoded(**fields):
    line = orjson.loads(contents.encode(asked(**fields)))
    assert line.keys() == {"key", "request"}
    return line["request"]


def config(**fields):
    return encoded(**fields).get("generationConfig")


def test_a_whole_request():
    messages = [
        {"role": "system", "content": "Be short."},
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
    ]
    assert encoded(messages=messages, max_tokens=50) == {
        "model": "models/gemini-2.5-flash",
        "systemInstruction": {"parts": [{"text": "Be short."}, {"text": "Be kind."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "one"}]},
            {"role": "model", "parts": [{"text": "two"}]},
            {"role": "user", "parts": [{"text": "three"}]},
        ],
        "generationConfig": {"maxOutputTokens": 50},
    }


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_completion_tokens": 9}, {"maxOutputTokens": 9}),
        ({"max_tokens": 9, "max_completion_tokens": 9}, {"maxOutputTokens": 9}),
        ({"temperature": 0, "top_p": 0.5, "top_k": 40}, {"temperature": 0, "topP": 0.5, "topK": 40}),
        ({"stop": "END"}, {"stopSequences": ["END"]}),
        ({"stop": ["A", "B"]}, {"stopSequences": ["A", "B"]}),
        ({"seed": 7, "presence_penalty": 1, "frequency_penalty": -1},
         {"seed": 7, "presencePenalty": 1, "frequencyPenalty": -1}),
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, {"responseMimeType": "application/json"}),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}},
         {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}),
        ({"reasoning_effort": "none"}, {"thinkingConfig": {"thinkingBudget": 0}}),
        ({"reasoning_effort": "medium"}, {"thinkingConfig": {"thinkingBudget": 8192}}),
        ({"reasoning_effort": "low", "model": "gemini-3-flash"}, {"thinkingConfig": {"thinkingLevel": "LOW"}}),
        ({"n": 1, "stream": False, "logprobs": False, "user": None, "stop": None}, None),
    ],
)  # fmt: skip
def test_what_is_said_in_the_words_of_gemini(fields, expected):
    assert config(**fields) == expected


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"n": 2}, "n"),
        ({"stream": True}, "stream"),
        ({"logprobs": True}, "logprobs"),
        *(({name: 1}, name) for name in sorted(contents.REFUSED)
          if name not in ("n", "stream", "logprobs")),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
        ({"response_format": "json"}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {}, "description": "d"}}},
         "response_format.json_schema.description"),
        ({"reasoning_effort": "xhigh"}, "reasoning_effort"),
        ({"reasoning_effort": "none", "model": "gemini-3-pro"}, "reasoning_effort"),
        ({"reasoning_effort": 7}, "reasoning_effort"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"model": "meta-llama/Llama-3.3-70B"}, "model"),
        ({"model": "../x"}, "model"),
        ({"messages": [{"role": "system", "content": "alone"}]}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, r"messages[0].role"),
        ({"messages": [{"role": "user", "content": "x"}, {"role": "system", "content": "y"}]}, "messages[1].role"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "x", "name": "bob"}]}, "messages[0].name"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "generationConfig.maxOutputTokens"),
        ({"max_tokens": 5, "generationConfig": {"maxOutputTokens": 6}}, "generationConfig.maxOutputTokens"),
        ({"max_tokens": 5, "generation_config": {"max_output_tokens": 6}}, "generationConfig.maxOutputTokens"),
        ({"generationConfig": {"candidateCount": 2}}, "candidateCount"),
        ({"generationConfig": 7}, "generationConfig"),
        ({"contents": []}, "contents"),
    ],
)  # fmt: skip
def test_what_gemini_cannot_say_is_refused_by_name(fields, name):
    with pytest.raises(Unencodable) as refusal:
        contents.encode(asked(**fields))
    assert name in str(refusal.value)


def test_a_refusal_is_a_fault_of_the_request_and_nothing_is_sent(server, make_batch, send):
    make_batch("a", fields={"logit_bias": {"1": 2}})
    with pytest.raises(InputError, match="'a': gemini cannot send this: Gemini has no logit_bias"):
        send()
    assert server.requests == []


def test_gemini_own_fields_go_through():
    own = {
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "tools": [{"googleSearch": {}}],
        "cachedContent": "cachedContents/x",
        "serviceTier": "flex",
    }
    request = encoded(**own)
    assert {name: request[name] for name in own} == own
    assert encoded(system_instruction={"parts": []})["systemInstruction"] == {"parts": []}


def test_generation_config_is_merged_with_what_the_body_says():
    own = {"responseModalities": ["TEXT"], "maxOutputTokens": 5, "thinkingConfig": {"includeThoughts": True}}
    assert config(max_tokens=5, reasoning_effort="low", generationConfig=own) == {
        "responseModalities": ["TEXT"],
        "maxOutputTokens": 5,
        "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 1024},
    }
    assert config(generation_config={"top_k": 3}) == {"topK": 3}


def test_equal_requests_are_equal_bytes():
    fields = {"max_tokens": 5, "seed": 1, "generationConfig": {"topK": 4, "thinkingConfig": {"b": 1, "a": 2}}}
    turned = asked()
    turned["body"] = dict(reversed([*asked(**fields)["body"].items()]))
    assert contents.encode(turned) == contents.encode(asked(**fields))
    assert b"\n" not in contents.encode(asked(messages=[{"role": "user", "content": "a\nb"}]))


def test_the_custom_id_of_a_line():
    assert gemini.Gemini().custom_id(contents.encode(asked("talk-7"))) == "talk-7"


# -- lines: decoding --------------------------------------------------------------------------------


def answered(parts=({"text": "yes"},), **candidate):
    response = {"candidates": [{"content": {"parts": list(parts)}, "finishReason": "STOP", **candidate}]}
    return contents.decode(orjson.dumps({"key": "a", "response": response}))


def test_an_answer_is_all_parts_but_the_thoughts():
    result = answered([{"text": "hm", "thought": True}, {"text": "on"}, {"inlineData": {}}, {"text": "e"}])
    assert (result.custom_id, result.ok, result.text, result.error) == ("a", True, "one", None)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        *((word, "content_filter") for word in ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII")),
        ("MALFORMED_FUNCTION_CALL", "malformed_function_call"),
        (None, None),
        (7, None),
    ],
)
def test_why_an_answer_ended(word, expected):
    assert answered(finishReason=word).finish_reason == expected


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"error": {"code": 3, "message": "bad"}}, ("bad", "3")),
        ({"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}}, ("bad", "INVALID_ARGUMENT")),
        ({"error": "plain"}, ("plain", None)),
        ({"error": {}, "response": {}}, ("no answer and no reason given", None)),
        ({"response": {"promptFeedback": {"blockReason": "SAFETY"}}}, ("the prompt was blocked: SAFETY", "SAFETY")),
        ({"response": {"candidates": [{"finishReason": "MAX_TOKENS"}]}}, ("the answer has no text", "MAX_TOKENS")),
        ({"response": {"candidates": [{"finishReason": "SAFETY", "finishMessage": "no"}]}}, ("no", "SAFETY")),
        ({"response": {"candidates": []}}, ("the answer has no text", "no_content")),
        ({}, ("no answer and no reason given", None)),
    ],
)
def test_why_there_is_no_answer(row, error):
    result = contents.decode(orjson.dumps({"key": "a", **row}))
    assert (result.custom_id, result.ok, result.text) == ("a", False, None)
    assert (result.error["message"], result.error["code"]) == error


def test_usage_of_a_row_without_an_answer_is_kept():
    row = {"response": {"usageMetadata": {"promptTokenCount": "7", "cachedContentTokenCount": 4, "x": None}}}
    usage = contents.decode(orjson.dumps(row)).usage
    assert usage == {
        "prompt_tokens": 7,
        "completion_tokens": 0,
        "total_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 4},
    }


NAMES = st.sampled_from([
    "key", "response", "error", "candidates", "content", "parts", "text", "thought", "finishReason",
    "usageMetadata", "promptTokenCount", "promptFeedback", "blockReason", "message", "code", "status",
    "modelVersion",
])  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
ROWS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=20
)


@given(st.binary(max_size=200) | ROWS.map(lambda row: json.dumps(row).encode()))
def test_any_bytes_decode(line):
    assert isinstance(contents.decode(line), Result)


@pytest.mark.parametrize("depth", [100, 5_000, 200_000])
def test_deep_lines_decode(depth):
    deep = b"[" * depth + b"]" * depth
    for name in (b"key", b"response", b"error"):
        assert not contents.decode(b'{"' + name + b'":' + deep + b"}").ok
    message = b'{"error":{"message":' + deep + b',"code":' + deep + b',"n":NaN}}'
    assert not contents.decode(message).ok


@pytest.mark.parametrize(
    ("value", "expected"),
    [("12", 12), (12, 12), (None, None), (True, None), (-1, None), ("x", None), ("9" * 5000, None)],
)
def test_counts(value, expected):
    assert contents.count(value) == expected


# -- memory -----------------------------------------------------------------------------------------

CLIENT = """
import sys
from pathlib import Path
from pipeline.provider import Shard
from providers.gemini import Gemini

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

path, size = Path(sys.argv[1]), int(sys.argv[2])
plugin, shard = Gemini(), Shard("big", path, 1, size, "f" * 64)
plugin.find(shard, {})
before = peak()
plugin.stage(shard)
got = sum(len(chunk) for file in plugin.fetch({"id": "batches/big"}) for chunk in file.chunks)
print(got, (peak() - before) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_a_file_is_never_in_memory(server, tmp_path):
    size = 100_000_000
    path = tmp_path / "big.jsonl"
    path.write_bytes(b"x" * size)
    server.files["files/big"] = {"name": "files/big", "data": path.read_bytes(), "mime": "", "label": ""}
    done = {"name": "batches/big", "response": {"responsesFile": "files/big"}}
    server.retrieve = lambda call: Answer(200, done)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CLIENT, str(path), str(size)]
    out = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert out.returncode == 0, out.stderr
    got, grown = map(int, out.stdout.split())
    assert got == size == len(server.files["files/f0002"]["data"])
    assert grown < 80

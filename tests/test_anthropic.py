"""Anthropic's Message Batches through the contract, and how a body becomes Messages."""

from __future__ import annotations

import orjson
import pytest

from pipeline.batch.prompt import Prompt
from pipeline.batch.prompt_variables import expressed
from pipeline.errors import Ambiguous, Busy, DoubtError, Unencodable, UnfinishedError
from pipeline.jobs.ledger import Ledger
from pipeline.money.cost import billed
from pipeline.money.estimate import Calibration, estimate
from pipeline.money.tariff import Tariff
from pipeline.provider import Price, Shard
from pipeline.testkit.contract import IDS, ProviderContract, Run
from pipeline.testkit.wire import Answer
from providers.anthropic import Anthropic
from providers.together import Together
from providers.wire import anthropic_messages as messages
from tests.anthropic_server import AnthropicServer


@pytest.fixture
def service(monkeypatch):
    with AnthropicServer() as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", server.secret)
        yield server


class TestContract(ProviderContract):
    @pytest.fixture
    def service(self, service):
        return service


def test_a_job_that_may_be_another_s_is_named_and_not_taken(service):
    """Two runs of as many requests at the same time: each gets its own job, and none is paid twice."""
    run, other = Run(service, "one"), Run(service, "two")
    run.make(*IDS)
    other.make(*IDS, words="other words of {}")
    service.fault("start", "executed:500")
    with pytest.raises(UnfinishedError, match="cannot tell whether this is its job: msgbatch_0001"):
        run.send()
    other.send()
    service.advance()
    run.send()
    assert len(service.invoice) == 2
    assert run.collect() == other.collect() == dict.fromkeys(IDS, "ok")
    assert run.texts() == {name: f"answer to {run.wire(name)}" for name in IDS}
    assert other.texts() == {name: f"answer to {other.wire(name)}" for name in IDS}


@pytest.mark.parametrize("answer", [(404, {}), (405, {}), (200, None), (200, {"data": None})])
def test_a_gateway_without_a_list_is_of_use(answer, service):
    service.list = lambda call: Answer(*answer)
    run = Run(service)
    run.make(*IDS)
    run.send()
    service.advance()
    assert run.collect() == dict.fromkeys(IDS, "ok") and len(service.invoice) == 1


@pytest.mark.parametrize("data", [b"", b'{"custom_id":"someone-else-000000000000"}'])
def test_a_job_without_our_answers_is_not_ours(data, service):
    run = Run(service)
    run.make("a")
    service.fault("start", "executed:500")
    with pytest.raises(UnfinishedError):
        run.send()
    service.advance()
    service.results = lambda call: Answer(200, data)
    if data:  # certainly another's, and none of ours came: to be started anew, if a person says so
        with pytest.raises(DoubtError, match="AGAIN=0001"):
            run.send()
        run.send(again="0001")
        assert len(service.invoice) == 2
    else:
        with pytest.raises(UnfinishedError, match="cannot tell whether this is its job"):
            run.send()
        assert len(service.invoice) == 1


def test_a_person_may_say_that_it_is_the_one(service):
    run = Run(service)
    run.make(*IDS)
    service.fault("start", "executed:500")
    with pytest.raises(UnfinishedError, match="ADOPT=1"):
        run.send()
    run.send(adopt=True)
    assert run.collect() == dict.fromkeys(IDS, "ok")
    assert len(service.invoice) == 1


def test_answers_that_are_gone_are_missing(service):
    run = Run(service)
    run.make(*IDS)
    run.send()
    service.results = lambda call: Answer(404)
    assert run.collect() == dict.fromkeys(IDS, "missing")


def test_a_job_that_ended_is_told_by_its_ids(service):
    run, other = Run(service, "one"), Run(service, "two")
    run.make(*IDS)
    other.make(*IDS, words="other words of {}")
    for each in (other, run):
        each.send()
    service.advance()
    receipt = next(iter(Ledger(run.ws)))
    found = run.provider.find(Ledger(run.ws).shard(receipt), receipt.handle)
    assert [(job.ref["id"], job.exact) for job in found] == [("msgbatch_0002", True)]


def test_a_job_that_may_be_another_s_is_not_cancelled(service):
    create = service.create
    service.create = lambda call: (create(call), create(call))[0]
    run = Run(service)
    run.make(*IDS)
    run.send()
    assert [job["state"] for job in service.jobs] == ["running", "running"]


def test_a_job_whose_answers_are_gone_is_not_paid_beside(service):
    run = Run(service)
    run.make(*IDS)
    service.fault("start", "executed:500")
    with pytest.raises(UnfinishedError):
        run.send()
    service.advance()
    service.results = lambda call: Answer(404)
    with pytest.raises(UnfinishedError, match="msgbatch_0001"):
        run.send()
    assert service.starts() == 1


@pytest.mark.parametrize("size", [1, 7, 100])
def test_requests_and_answers_may_be_cut_anywhere(size, service, monkeypatch):
    monkeypatch.setattr("providers.wire.http_client.CHUNK", size)
    monkeypatch.setattr("providers.anthropic.start_body.CHUNK", size)
    run = Run(service)
    run.make(*IDS)
    service.fault("start", "executed:500")
    run.settle()
    assert run.collect() == dict.fromkeys(IDS, "ok")
    assert service.starts() == 1


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "0001-aaaa.jsonl"
    path.write_bytes(Anthropic().encode({"custom_id": "a", "body": body()}) + b"\n")
    return Shard("0001-aaaa", path, 1, path.stat().st_size, "a" * 64)


def test_a_job_is_told_by_its_time_and_its_number_of_requests(service, shard):
    kinds = [("young", "10:00:01", 1), ("other", "10:00:01", 2), ("just", "09:59:30", 1), ("old", "09:30:00", 1)]
    jobs = [
        {"id": name, "created_at": f"2026-11-23T{time}Z", "processing_status": "in_progress",
         "request_counts": {"processing": number}} for name, time, number in kinds
    ]  # fmt: skip
    service.list = lambda call: Answer(200, {"data": jobs, "has_more": False})
    found = service.provider().find(shard, {"since": "2026-11-23T10:00:00+00:00"})
    assert [(job.ref["id"], job.exact) for job in found] == [("young", False), ("just", False)]


@pytest.mark.parametrize("answer", [{}, {"data": None, "x": 1}, {"data": {}}, [], "x"])
def test_a_list_that_is_no_list_is_not_taken_for_an_empty_one(answer, service, shard):
    service.list = lambda call: Answer(200, answer)
    with pytest.raises(Busy):
        service.provider().find(shard, {"since": "2026-11-23T10:00:00+00:00"})


@pytest.mark.parametrize("entry", [None, 1, {}, {"id": 7}, {"id": "b"}, {"id": "b", "request_counts": None}])
def test_an_entry_of_the_list_that_says_too_little_may_be_a_job(entry, service, shard):
    old = {"id": "x", "created_at": "2026-11-23T09:00:00Z", "request_counts": {"processing": 1}}
    service.list = lambda call: Answer(200, {"data": [entry, old], "has_more": False})
    (found,) = service.provider().find(shard, {"since": "2026-11-23T10:00:00+00:00"})
    assert not found.exact and bool(found.state) == (isinstance(entry, dict) and entry.get("id") == "b")


@pytest.mark.parametrize("answer", [{}, [], {"id": 7}, {"id": "../x"}, {"id": "msgbatch?x"}])
def test_a_start_without_a_usable_id_is_ambiguous(answer, service, shard):
    service.create = lambda call: Answer(200, answer)
    with pytest.raises(Ambiguous):
        service.provider().start(shard, {})


@pytest.mark.parametrize(("kind", "outcome"), [("canceled", "cancelled"), ("expired", "expired")])
def test_rows_that_were_never_run(kind, outcome):
    result = Anthropic().decode(orjson.dumps({"custom_id": "a", "result": {"type": kind}}))
    assert (result.ok, result.outcome, result.error["code"]) == (False, outcome, outcome)


def body(**fields):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "oats"}]
    return {"model": "m", "messages": messages, "max_tokens": 9, **fields}


def params(**fields):
    return orjson.loads(Anthropic().encode({"custom_id": "a", "body": body(**fields)}))["params"]


PLAIN = {"model": "m", "system": "Be brief.", "messages": [{"role": "user", "content": "oats"}], "max_tokens": 9}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {"type": "object"}}}


@pytest.mark.parametrize(
    ("fields", "more"),
    [
        ({}, {}),
        ({"temperature": 0.5, "top_p": 0.9, "top_k": 40}, {"temperature": 0.5, "top_p": 0.9, "top_k": 40}),
        ({"stop": "END"}, {"stop_sequences": ["END"]}),
        ({"stop": ["A", "B"]}, {"stop_sequences": ["A", "B"]}),
        ({"user": "u7"}, {"metadata": {"user_id": "u7"}}),
        ({"n": 1, "seed": None, "response_format": {"type": "text"}}, {}),
        (
            {"response_format": SCHEMA},
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        ),
        ({"reasoning_effort": "low"}, {"output_config": {"effort": "low"}}),
        ({"thinking": {"type": "disabled"}}, {"thinking": {"type": "disabled"}}),
    ],
)
def test_a_body_becomes_messages(fields, more):
    assert params(**fields) == {**PLAIN, **more}


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"seed": 1}, "seed"), ({"n": 2}, "n"), ({"logit_bias": {}}, "logit_bias"), ({"stream": True}, "stream"),
        ({"presence_penalty": 1, "frequency_penalty": 1}, "frequency_penalty, presence_penalty"),
        ({"response_format": {"type": "json_object"}}, "response_format"), ({"temperature": 1.5}, "temperature"),
        ({"reasoning_effort": "none"}, "reasoning_effort"), ({"max_tokens": None}, "max_tokens"),
        ({"max_completion_tokens": 7}, "max_tokens"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools"), ({"tool_choice": "auto"}, "tool_choice"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "tool"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "image_url"),
        ({"stop": "A", "stop_sequences": ["B"]}, "stop_sequences"),
    ],
)  # fmt: skip
def test_what_messages_cannot_express_is_refused_by_name(fields, name):
    with pytest.raises(Unencodable, match=name):
        params(**fields)


def test_a_line_of_another_prompt_has_another_id():
    lines = [Anthropic().encode({"custom_id": "x" * 64, "body": body(temperature=t)}) for t in (0, 1)]
    names = {orjson.loads(line)["custom_id"] for line in lines}
    assert len(names) == 2
    assert all(len(name) == 64 for name in names)
    assert len({Anthropic().custom_id(line) for line in lines}) == 1


@pytest.mark.parametrize(
    ("message", "ok", "finish", "code"),
    [
        ({"content": [{"type": "text", "text": "oats"}], "stop_reason": "max_tokens"}, True, "length", None),
        (
            {"content": [{"type": "text", "text": "I will not"}], "stop_reason": "refusal"},
            False,
            "content_filter",
            "refusal",
        ),
        ({"content": [{"type": "tool_use"}], "stop_reason": "tool_use"}, False, "tool_calls", "no_content"),
        ({"content": None}, False, None, "no_content"),
    ],
)
def test_answers(message, ok, finish, code):
    row = {"custom_id": "a", "result": {"type": "succeeded", "message": message}}
    result = Anthropic().decode(orjson.dumps(row))
    assert (result.ok, result.finish_reason, (result.error or {}).get("code")) == (ok, finish, code)


# ---- the cache ----------------------------------------------------------------------------------


def kept(system="Be brief.", shots=()):
    messages = [{"role": "system", "content": system}, *shots, {"role": "user", "content": "oats"}]
    row = {"custom_id": "a", "body": {"model": "m", "max_tokens": 5, "messages": messages, "cache_prefix": True}}
    return orjson.loads(Anthropic().encode(row))["params"]


def test_a_prefix_is_marked_at_its_end():
    mark = {"cache_control": {"type": "ephemeral"}, "type": "text"}
    assert kept()["system"] == [{**mark, "text": "Be brief."}] and kept()["messages"][0]["content"] == "oats"
    made = kept(shots=[{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}])
    assert made["system"] == "Be brief."
    assert [message["content"] for message in made["messages"]] == ["u", [{**mark, "text": "a"}], "oats"]
    assert "cache_prefix" not in made and "system" not in kept(system="")


def test_only_a_service_that_takes_marks_gets_them():
    asked = Prompt("m", "Be brief.", cache=True)
    assert expressed(asked, Anthropic()).body({"id": "a", "text": "x"})["cache_prefix"] is True
    assert "cache_prefix" not in expressed(asked, Together()).body({"id": "a", "text": "x"})


def test_what_a_cache_saves_and_costs_is_in_the_bill(monkeypatch):
    price = Tariff(Anthropic(), 1.0, 2.0).price("claude-sonnet-5")
    assert (price.write, price.read) == (1.25, 0.1)
    usage = messages._usage({"input_tokens": 100, "cache_creation_input_tokens": 40, "cache_read_input_tokens": 60,
                             "output_tokens": 7})  # fmt: skip
    assert usage["prompt_tokens"] == 200 and billed(usage, price) == 100 + 40 * 1.25 + 60 * 0.1
    assert billed(usage, Price(1.0, 2.0)) == 200
    tokens = {"input": 1000, "longest": 1000, "output": 50}
    plain, marked = (estimate(1, tokens | {"marked": n}, price, 0.0, Calibration()) for n in (0, 1))
    assert marked.cost_most - 50 * 2e-6 == pytest.approx((plain.cost_most - 50 * 2e-6) * 1.25)
    assert marked.cost == plain.cost

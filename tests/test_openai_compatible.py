"""OpenAI's wire: each dialect through the contract, and what a row of the table may be."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

import providers.openai_compatible as plugin
from pipeline.errors import Ambiguous, Busy, Rejected, Unencodable
from pipeline.provider import Shard
from pipeline.testkit.contract import IDS, ProviderContract, Run
from pipeline.testkit.wire import Answer
from providers.openai_compatible import OpenAICompatible, services
from tests.openai_server import DIALECTS, OpenAIServer


class Service(OpenAIServer):
    """The fake with a plugin of the same name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def provider(self) -> OpenAICompatible:
        return OpenAICompatible(services.find(self.name))


class TestContract(ProviderContract):
    @pytest.fixture(params=DIALECTS)
    def service(self, request, monkeypatch):
        name = request.param
        with Service(name) as server:
            monkeypatch.setenv(f"{name.upper()}_BASE_URL", server.base_url)
            monkeypatch.setenv("KEY_ENV", "MY_KEY")
            monkeypatch.setenv(services.find(name).key or "MY_KEY", server.secret)
            yield server


@pytest.fixture
def service(monkeypatch):
    with Service("openai") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", server.secret)
        yield server


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "0001-aaaa.jsonl"
    path.write_bytes(OpenAICompatible(services.find("openai")).encode({"custom_id": "a", "body": {}}) + b"\n")
    return Shard("0001-aaaa", path, 1, path.stat().st_size, "a" * 64)


def test_an_upload_that_stored_less_is_no_upload(service, shard):
    service.upload = lambda call: Answer(200, {"id": "file-0001", "bytes": shard.bytes - 1})
    with pytest.raises(Busy, match="stored"):
        service.provider().stage(shard)


@pytest.mark.parametrize("answer", [{}, {"id": None}, {"job": {}}, {"id": "../x"}, {"id": "a?b"}, [], None])
def test_a_start_without_a_usable_id_is_ambiguous(answer, service, shard):
    service.create = lambda call: Answer(200, answer)
    with pytest.raises(Ambiguous):
        service.provider().start(shard, {"file_id": "file-0001"})


def test_a_job_may_stand_in_a_wrapper(service):
    create, retrieve = service.create, service.retrieve
    service.create = lambda call: Answer(200, {"job": create(call).content})
    service.retrieve = lambda call: Answer(200, {"job": retrieve(call).content})
    run = Run(service)
    run.make(*IDS)
    run.send()
    assert run.collect() == dict.fromkeys(IDS, "ok")
    assert service.starts() == 1


@pytest.mark.parametrize("answer", [{}, {"data": {}}, {"data": [1]}, {"error": "x"}, "x"])
def test_a_list_that_is_no_list_is_not_taken_for_an_empty_one(answer, service, shard):
    service.list = lambda call: Answer(200, answer)
    with pytest.raises(Busy):
        service.provider().find(shard, {"file_id": "file-0001"})


@pytest.mark.parametrize("answer", [{"data": None}, {"value": []}, [], None])
def test_an_empty_list_may_be_null(answer, service, shard):
    service.list = lambda call: Answer(200, answer)
    assert service.provider().find(shard, {"file_id": "file-0001"}) == []


def test_pages_without_end_are_no_list(service, shard, monkeypatch):
    monkeypatch.setattr(plugin, "MOST_PAGES", 3)
    service.list = lambda call: Answer(200, {"data": [{"id": f"x-{len(service.requests)}"}], "has_more": True})
    with pytest.raises(Busy, match="more than 3 pages"):
        service.provider().find(shard, {"file_id": "file-0001"})


@pytest.mark.parametrize("column", ["input_file_id", "metadata"])
def test_a_job_is_found_by_its_file_or_by_its_hash(column, service, shard):
    mine = {"input_file_id": "file-0001", "metadata": {plugin.TAG: shard.sha256}}[column]
    other = {"id": "x", "status": "in_progress", "input_file_id": "file-0002", "metadata": {plugin.TAG: "b" * 64}}
    service.list = lambda call: Answer(200, {"data": [other, {**other, "id": "y", column: mine}]})
    found = service.provider().find(shard, {"file_id": "file-0001"})
    assert [job.ref["id"] for job in found] == ["y"]


def test_the_status_of_another_job_is_none(service):
    service.retrieve = lambda call: Answer(200, {"id": "batch_0002", "status": "failed"})
    with pytest.raises(Busy, match="something else"):
        service.provider().poll({"id": "batch_0001"})


@pytest.mark.parametrize(
    ("errors", "why"),
    [({"data": [{"message": "it broke"}]}, "it broke"), (["a", {"message": "b"}], "a; b"), ({"data": []}, None)],
)
def test_why_a_job_failed(errors, why, service):
    service.retrieve = lambda call: Answer(200, {"id": "batch_0001", "status": "failed", "errors": errors})
    assert service.provider().poll({"id": "batch_0001"}).error == why


def test_an_error_file_that_is_gone_loses_no_answers(service):
    run = Run(service)
    run.make(*IDS)
    service.errors = {run.wire("a"): "it was too long"}
    run.send()
    content = service.content
    service.content = lambda call: Answer(404) if call.match[1] == "file-0003" else content(call)
    assert run.collect() == {"a": "missing", "b-2": "ok", "C_3": "ok"}


@pytest.mark.parametrize(
    ("name", "fields", "sent"),
    [
        ("openai", {"max_tokens": 9}, {"max_completion_tokens": 9}),
        ("mistral", {"max_completion_tokens": 9, "seed": 1}, {"max_tokens": 9, "random_seed": 1}),
        ("groq", {"max_tokens": 9}, {"max_tokens": 9}),
        ("openai", {"max_tokens": 9, "max_completion_tokens": 8}, "max_tokens is the same as max_comp"),
        ("mistral", {"logit_bias": {}, "user": "u"}, "does not take logit_bias, user"),
    ],
)
def test_a_body_under_the_names_of_the_service(name, fields, sent):
    encoded = lambda: OpenAICompatible(services.find(name)).encode({"custom_id": "a", "body": fields})  # noqa: E731
    if isinstance(sent, str):
        with pytest.raises(Unencodable, match=sent):
            encoded()
    else:
        assert orjson.loads(encoded())["body"] == sent


def test_base_url_sends_no_service_s_key_elsewhere(service, monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL")
    monkeypatch.setenv("BASE_URL", "https://elsewhere.example")
    assert service.provider()._url(True) == "https://api.openai.com/v1"
    own = replace(services.find("openai"), url=None)
    assert OpenAICompatible(own)._url(True) == "https://elsewhere.example"
    monkeypatch.delenv("BASE_URL")
    with pytest.raises(Rejected, match="set BASE_URL"):
        OpenAICompatible(own)._url(True)


def test_a_file_may_be_in_another_store(service):
    """Which gets no key: the signature of its address is one."""
    run = Run(service)
    run.make(*IDS)
    run.send()
    content, other = service.content, service.base_url.replace("127.0.0.1", "localhost")
    moved = {"Location": f"{other}/files/file-0002/content?sig=7"}
    service.content = lambda call: content(call) if call.query.get("sig") else Answer(302, b"", moved)
    assert run.collect() == dict.fromkeys(IDS, "ok")
    asked = [call.headers.get("Authorization") for verb, call in service.calls if verb == "fetch"]
    assert asked == [f"Bearer {service.secret}", None]

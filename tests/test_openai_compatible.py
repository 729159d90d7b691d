"""OpenAI's wire: each dialect through the contract, and what a row of the table may be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

import providers.openai_compatible as plugin
import schemas
from pipeline.errors import Ambiguous, Busy, InputError, Rejected, Unencodable
from pipeline.plugins import find as plugins
from pipeline.provider import Shard
from pipeline.testkit.contract import IDS, ProviderContract, Run
from pipeline.testkit.wire import Answer
from providers.openai_compatible import OpenAICompatible, services
from providers.wire.http_client import identifier
from tests.conftest import write_jsonl
from tests.openai_server import DIALECTS, OpenAIServer


class Service(OpenAIServer):
    """The fake with a plugin of the same name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def provider(self) -> OpenAICompatible:
        return OpenAICompatible(services.find(self.name))


LIKE_OTHERS = ("zhipu", "siliconflow")  # but for paths, and for metadata


class TestContract(ProviderContract):
    @pytest.fixture(params=[pytest.param(n, marks=pytest.mark.long) if n in LIKE_OTHERS else n for n in DIALECTS])
    def service(self, request, monkeypatch):
        name = request.param
        with Service(name) as server:
            monkeypatch.setenv(f"{name.upper()}_BASE_URL", server.base_url)
            monkeypatch.setenv("KEY_ENV", "MY_KEY")
            monkeypatch.setenv(services.find(name).key or "MY_KEY", server.secret)
            yield server


# ---- the table --------------------------------------------------------------------------------------------------


def test_each_row_is_a_plugin_of_its_name_and_fits_its_schema():
    wire, rows = services.built_in()
    named = {point.name for point in plugins.available() if point.value == "providers.openai_compatible"}
    assert named == set(rows)
    for name, row in rows.items():
        assert not list(schemas.faults("service", {**wire, **row})), name
        provider = plugins.provider(name)
        assert (provider.name, isinstance(provider, OpenAICompatible)) == (name, True)
    assert {name for name, row in rows.items() if row.get("max_requests") and not row.get("source")} == set()


ACME = (
    "acme: {about: Acme, url: 'https://acme.example/v1', key: ACME_KEY, max_requests: 7, rename: {seed: grain}}\n"
)


def test_a_row_of_the_user_s_own_is_a_provider(tmp_path):
    (tmp_path / "services.yaml").write_text(ACME)
    acme = plugins.provider("acme")
    assert (acme.name, acme.keys, acme.limits("m").max_requests) == ("acme", ("ACME_KEY",), 7)
    assert acme.limits("m").max_bytes is None
    line = orjson.loads(acme.encode({"custom_id": "a", "body": {"model": "m", "seed": 3, "top_k": 40}}))
    assert line == {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions",
                    "body": {"grain": 3, "model": "m", "top_k": 40}}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "acme: {max_request: 7}\n",
            "acme: $: Additional properties are not allowed ('max_request' was unexpected)",
        ),
        ("acme: {max_requests: many}\n", "$.max_requests: 'many' is not of type"),
        ("acme: {create: 7}\n", "$.create: 7 is not of type 'object'"),
        ("acme: 7\n", "$: 7 is not of type 'object'"),
        ("acme: {cancel: 'GET /'}\n", "$.cancel: 'GET /' does not match"),
        ("acme: {a: [\n", "services.yaml: while parsing"),
        ("- acme\n", "services.yaml: not a table of services"),
        (
            "together: {url: 'https://elsewhere.example'}\n",
            "together is the name of a plugin",
        ),
        ("acme: {key: sk-abc-123}\n", "$.key: must be the NAME of the variable"),
        ("acme: {create: {input_file_id: '{fil}'}}\n", "$.create: names no {file}"),
        ("acme: {max_requests: -3}\n", "$.max_requests: -3 is less than the minimum of 1"),
        ("acme: {refuse: seed}\n", "$.refuse: 'seed' is not of type 'array'"),
        ("acme: {create: !!python/object:os.system {}}\n", "could not determine a constructor"),
    ],
)
def test_a_wrong_row_is_one_clear_line(text, why, tmp_path):
    (tmp_path / "services.yaml").write_text(text)
    with pytest.raises(InputError) as error:
        plugins.provider("acme")
    assert why in str(error.value)
    assert "\n" not in str(error.value)
    assert "sk-abc" not in str(error.value)


def test_what_a_row_refuses_is_refused_by_name():
    moonshot = plugins.provider("moonshot")
    with pytest.raises(Unencodable, match="it does not take temperature, top_p"):
        moonshot.encode({"custom_id": "a", "body": {"model": "m", "top_p": 1, "temperature": 0}})
    with pytest.raises(Unencodable, match="max_tokens is the same as max_completion_tokens"):
        plugins.provider("openai").encode({"custom_id": "a", "body": {"max_tokens": 1, "max_completion_tokens": 2}})


@pytest.mark.parametrize(
    ("name", "environment", "why"),
    [
        ("openai", {}, "no key: set OPENAI_API_KEY"),
        ("custom", {}, "no address: set BASE_URL"),
        ("custom", {"BASE_URL": "host/v1"}, "BASE_URL is no usable URL"),
        ("custom", {"BASE_URL": "https://me:pw@host/v1"}, "BASE_URL is no usable URL"),
        ("custom", {"BASE_URL": "http://host/v1", "KEY_ENV": "K", "K": "sk-7"}, "would send the key unencrypted"),
        ("custom", {"BASE_URL": "https://host/v1", "KEY_ENV": "sk-7"}, "KEY_ENV must be the NAME of the variable"),
        ("custom", {"BASE_URL": "https://host/v1", "KEY_ENV": "K", "K": "sk-7\nx"}, "characters that no key has"),
        ("openai", {"BASE_URL": "https://elsewhere/v1"}, "no key: set OPENAI_API_KEY"),
    ],
)
def test_what_is_missing_is_said_without_the_key(name, environment, why, monkeypatch):
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(Rejected) as error:
        plugins.provider(name).preflight("m")
    assert why in str(error.value)
    assert "sk-7" not in str(error.value)


def test_base_url_is_for_rows_without_an_address_of_their_own(monkeypatch):
    """A BASE_URL in local.mk must not take OpenAI's key elsewhere."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("BASE_URL", "https://elsewhere/v1")
    assert plugins.provider("openai")._http.base == "https://api.openai.com/v1"


def test_a_server_without_a_key_gets_none(monkeypatch):
    with Service("openai") as server:
        monkeypatch.setenv("BASE_URL", server.base_url)
        with pytest.raises(Rejected, match="bad key None"):
            plugins.provider("custom").stage(Shard("0001", Path(__file__), 1, 1, "0" * 64))


@pytest.mark.parametrize("status", [301, 307, 308])
def test_a_start_that_is_sent_elsewhere_is_not_followed(status, monkeypatch, tmp_path):
    with Service("openai") as server:
        monkeypatch.setenv("BASE_URL", server.base_url)
        server.create = lambda call: Answer(status, b"", {"Location": server.base_url + "/batches"})
        with pytest.raises(Ambiguous, match=str(status)):  # the upload was not sent elsewhere: it may be started
            plugins.provider("custom").start(Shard("0001", tmp_path, 1, 1, "0" * 64, "m"), {"file_id": "f"})
        assert server.starts() == 1


def test_a_download_from_elsewhere_gets_no_key(monkeypatch):
    with Service("openai") as server, Service("openai") as storage:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", server.secret)
        file = storage._store(b"answers")["id"]
        elsewhere = storage.base_url.replace("127.0.0.1", "localhost") + f"/files/{file}/content"
        server.content = lambda call: Answer(302, b"", {"Location": elsewhere})
        with plugins.provider("openai")._http.open("download", f"/files/{file}/content") as chunks:
            assert b"".join(chunks) == b"answers"
        assert [call.headers.get("Authorization") for _, call in storage.calls] == [None]


def test_ids_of_a_proxy_are_long_and_no_path(monkeypatch):
    assert identifier("bGl0ZWxsbV9wcm94eTph" * 20 + "==", "upload")
    for bad in ("../x", "a?b", "a b", "", None, "a\n"):
        with pytest.raises(Busy):
            identifier(bad, "upload")


def test_rows_that_were_never_run_say_so():
    row = {"custom_id": "a", "response": None, "error": {"code": "batch_expired", "message": "too late"}}
    assert plugins.provider("openai").decode(orjson.dumps(row)).outcome == "expired"


USAGE = b'{"custom_id":"a","response":{"body":{"choices":[{"message":{"content":"x"}}],"usage":{"n":%s,"y":NaN}}}}'


@pytest.mark.parametrize(
    "line",
    [
        b'{"custom_id":"a","error":{"x":NaN,"y":%s}}' % (b"9" * 30),
        b'{"custom_id":"a","error":{"m":%s}}' % (b"[" * 900 + b"]" * 900),
        USAGE % (b"9" * 30),
    ],
)
def test_hostile_numbers_and_depths_are_results(line):
    result = plugins.provider("openai").decode(line)
    assert orjson.dumps([result.error, result.usage])


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


@pytest.mark.parametrize("answer", [{}, {"data": {}}, {"error": "x"}, "x"])
def test_a_list_that_is_no_list_is_not_taken_for_an_empty_one(answer, service, shard):
    service.list = lambda call: Answer(200, answer)
    with pytest.raises(Busy):
        service.provider().find(shard, {"file_id": "file-0001"})


@pytest.mark.parametrize("entry", [None, 1, {}, {"id": 7}, {"id": "b"}, {"id": "b", "input_file_id": None}])
def test_an_entry_of_the_list_that_says_too_little_may_be_a_job(entry, service, shard):
    service.list = lambda call: Answer(200, {"data": [entry, {"id": "x", "input_file_id": "other"}]})
    (found,) = service.provider().find(shard, {"file_id": "file-0001"})
    assert not found.exact and bool(found.state) == (isinstance(entry, dict) and entry.get("id") == "b")


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


HINT = "2 of 3 requests not sent yet\nnext: `make submit` sends what is planned: 2 requests\n"


def test_a_queue_of_one_job_is_sent_on_as_jobs_end(tmp_path, monkeypatch, run):
    row = {"url": "u", "key": "ACME_KEY", "max_requests": 1, "max_jobs": 1}
    with OpenAIServer("openai") as server:
        (tmp_path / "services.yaml").write_bytes(orjson.dumps({"acme": row | {"url": server.base_url}}))
        monkeypatch.setenv("PROVIDER", "acme")
        monkeypatch.setenv("ACME_KEY", server.secret)
        write_jsonl(tmp_path / "t.jsonl", [{"id": str(n), "text": f"oats {n}"} for n in range(3)])
        assert run("batch", "--model", "m", "t.jsonl")[0] == 0
        code, said, news = run("submit", "--poll", "0")
        assert (code, said.split("; ")) == (0, ["1 sent now", HINT])
        assert "2 shards (2 requests) wait for room: 1 job of 1 run\n" in news
        code, said, _ = run("submit", "--poll", "0", "--wait")
        assert (code, said.split("\n")[0]) == (0, "2 sent now; 3 requests in 3 jobs")
        assert run("results", "--poll", "0", "--wait")[1].startswith("3 requests: 3 ok\ncost: not known: ")
    assert sorted(name for job in server.invoice for name in job) == ["0", "1", "2"]


@pytest.mark.parametrize(("name", "kept"), [("openai", True), ("mistral", True), ("groq", False)])
def test_a_long_prefix_has_a_name_where_the_service_keeps_it_by_one(name, kept):
    def body(system, user, **more):
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        row = {"custom_id": "a", "body": {"model": "m", "messages": messages, "max_tokens": 5, **more}}
        return orjson.loads(plugins.provider(name).encode(row))["body"]

    long = "Take facts out of it. " * 200
    names = [body(long, user).get("prompt_cache_key") for user in ("oats", "rye")]
    assert (names[0] is not None) == kept and names[0] == names[1]
    assert not kept or body(long + "!", "oats")["prompt_cache_key"] != names[0]
    assert "prompt_cache_key" not in body("Be brief.", "oats")
    assert body(long, "oats", prompt_cache_key="mine")["prompt_cache_key"] == "mine"

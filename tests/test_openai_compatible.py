"""OpenAI's wire: each dialect through the contract, and what a row of the table may be."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

import schemas
from pipeline import plugins
from pipeline.errors import Busy, InputError, Rejected, Unencodable
from pipeline.provider import Shard
from pipeline.testkit.contract import ProviderContract
from pipeline.testkit.wire import Answer
from providers.http import identifier
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


# ---- the table --------------------------------------------------------------------------------------------------


def test_each_row_is_a_plugin_of_its_name_and_fits_its_schema():
    rows = services._rows(services.BUILT_IN)
    wire = rows.pop("wire")
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
        ("openai: {url: 'https://elsewhere.example'}\n", "openai is built in; give the row another name"),
        ("acme: {create: !!python/object:os.system {}}\n", "could not determine a constructor"),
    ],
)
def test_a_wrong_row_is_one_clear_line(text, why, tmp_path):
    (tmp_path / "services.yaml").write_text(text)
    with pytest.raises(InputError) as error:
        plugins.provider("acme")
    assert why in str(error.value)
    assert "\n" not in str(error.value)


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
        with pytest.raises(Rejected, match="the address has moved"):
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

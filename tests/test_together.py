"""The Together provider through the real SDK, against its wire on loopback."""

from __future__ import annotations

import logging

import pytest

from pipeline.base.workspace import Workspace
from pipeline.errors import Busy, Rejected, SpendError
from pipeline.sending.submit import submit
from providers import together
from tests.conftest import read_jsonl
from tests.fakes import FakeTime, asking
from tests.stages import Watch
from tests.together_server import TogetherServer

KEY = "k-secret-0123456789"


@pytest.fixture
def server(monkeypatch):
    with TogetherServer() as running:
        monkeypatch.setenv("TOGETHER_API_KEY", KEY)
        monkeypatch.setenv("TOGETHER_BASE_URL", running.url)
        yield running


@pytest.fixture
def ws():
    return Workspace.of("test", "together")


@pytest.fixture
def said():
    return []


@pytest.fixture
def send(ws, said):
    time = FakeTime()
    return lambda **how: submit(ws, together.Together(), clock=time.clock, say=said.append, **asking(how))


@pytest.fixture
def collect(ws, said):
    def run(wait=True):
        Watch(ws, together.Together(), FakeTime().clock, said.append).results(wait)
        return {row["custom_id"]: row["outcome"] for row in read_jsonl(ws.results)}

    return run


def test_the_whole_way(server, make_batch, send, collect, ws):
    make_batch("a", "b", "c")
    send()
    assert collect() == {"a": "ok", "b": "ok", "c": "ok"}
    rows = read_jsonl(ws.results)
    assert [row["text"].split(":")[0] for row in rows] == ["answer to a", "answer to b", "answer to c"]
    assert rows[0]["usage"] == {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
    assert rows[0]["job"] == "batch-0001"
    file = next(iter(server.files.values()))
    assert file["purpose"] == "batch-api"
    assert file["data"] == next(ws.shards.glob("*.jsonl")).read_bytes()


@pytest.mark.parametrize(
    "fault", ["executed:500", "executed:502", "executed:408", "executed:drop", "executed:truncate", "executed:html"]
)
def test_a_start_whose_answer_is_lost_is_sent_once(fault, server, make_batch, send, collect):
    make_batch("a")
    server.fault("create", fault)
    send()
    assert server.starts() == 1
    assert server.invoice == [["a"]]
    assert collect() == {"a": "ok"}


def test_a_start_that_times_out_is_sent_once(server, make_batch, send, monkeypatch):
    make_batch("a")
    monkeypatch.setattr(together, "TIMEOUT", 0.2)
    server.fault("create", "executed:slow")
    send()
    assert server.starts() == 1
    assert server.invoice == [["a"]]


def test_a_batch_that_was_uploaded_and_started_by_hand_is_found_and_taken_over(
    server, make_batch, send, collect, ws
):
    """batch.jsonl holds the very bytes that are sent."""
    make_batch("a", "b", "c")
    from together import Together as TogetherSDK

    by_hand = TogetherSDK(api_key=KEY, base_url=server.url)
    file = by_hand.files.upload(file=ws.batch, purpose="batch-api", check=False)
    by_hand.batches.create(endpoint="/v1/chat/completions", input_file_id=file.id)
    with pytest.raises(
        SpendError, match=r"already has a job for some of these very requests.*batch-0001 .*ADOPT=1"
    ):
        send()
    assert server.starts() == 1
    send(adopt=True)
    assert collect() == dict.fromkeys("abc", "ok")
    assert server.starts() == 1


@pytest.mark.parametrize("fault", ["500", "drop"])
def test_a_start_that_was_never_executed_is_repeated_once_after_settle(fault, server, make_batch, send):
    make_batch("a")
    send()  # by which the list is known to show jobs
    make_batch("a", "b")
    server.fault("create", fault)
    send()
    assert server.starts() == 3
    assert server.invoice == [["a"], ["b"]]


@pytest.mark.parametrize(("status", "error"), [("400", Rejected), ("401", Rejected), ("404", Rejected)])
def test_a_refused_start_is_not_repeated(status, error, server, make_batch, send):
    make_batch("a")
    server.fault("create", status)
    with pytest.raises(error):
        send()
    assert server.starts() == 1
    assert server.invoice == []


def test_a_service_that_is_busy_is_asked_again(server, make_batch, send):
    make_batch("a")
    server.fault("create", "429:7", "429")
    send()
    assert server.invoice == [["a"]]


@pytest.mark.parametrize("route", ["upload", "put", "preprocess", "list"])
@pytest.mark.parametrize("fault", ["500", "drop", "executed:drop"])
def test_what_is_safe_to_repeat_is_repeated(route, fault, server, make_batch, send, collect):
    make_batch("a")
    server.fault(route, fault)
    send()
    assert server.invoice == [["a"]]
    assert collect() == {"a": "ok"}


@pytest.mark.parametrize("fault", ["cut", "short", "fewer", "gzip_cut", "html", "empty", "500", "drop"])
def test_a_broken_download_is_fetched_again(fault, server, make_batch, send, collect):
    make_batch("a", "b", "c")
    send()
    server.fault("content", fault)
    assert collect() == {"a": "ok", "b": "ok", "c": "ok"}


@pytest.mark.parametrize("fault", ["cut", "short", "fewer", "html", "empty"])
def test_a_download_that_stays_broken_is_no_result(fault, server, make_batch, send, collect, ws):
    make_batch("a", "b", "c")
    server.polls_needed = 0
    send()
    server.fault("content", *[fault] * 3)
    with pytest.raises(Busy, match=r"download|bytes of the|ends in the middle|came"):
        collect(wait=False)
    assert not ws.results.exists()
    assert list(ws.outputs.glob("*.jsonl")) == []
    assert collect() == {"a": "ok", "b": "ok", "c": "ok"}


@pytest.mark.parametrize("fault", ["short", "html", "empty"])
def test_without_the_size_a_broken_download_is_still_seen(fault, server, make_batch, send, collect):
    make_batch("a", "b", "c")
    send()
    server.fault("file", *["500"] * 2)
    server.fault("content", fault)
    assert collect() == {"a": "ok", "b": "ok", "c": "ok"}


def test_duplicate_unknown_and_missing_rows(server, make_batch, send, collect, said):
    make_batch("a", "b", "c")

    def bend(rows):
        one = {row["custom_id"]: row for row in rows}
        late = {"custom_id": "a", "error": {"message": "a late failure"}}
        return [one["a"], late, one["a"], {**one["b"], "custom_id": "stranger"}, one["c"]]

    server.rows = bend
    send()
    assert collect() == {"a": "ok", "b": "missing", "c": "ok"}
    assert any("jsonl:2: custom_id 'a' came twice" in text for text in said)
    assert any("jsonl:4: custom_id 'stranger' was not asked" in text for text in said)


def test_the_error_file_is_read(server, make_batch, send, collect, ws):
    make_batch("a", "b")
    server.errors = {"b": "Invalid model specified"}
    send()
    assert collect() == {"a": "ok", "b": "error"}
    assert read_jsonl(ws.results)[1]["error"] == {"message": "Invalid model specified", "code": "invalid_request"}


def test_an_empty_error_file_is_no_failure(server, make_batch, send, collect):
    make_batch("a", "b")
    server.empty_error_file = True
    send()
    assert collect() == {"a": "ok", "b": "ok"}


@pytest.mark.parametrize(("ending", "outcome"), [("EXPIRED", "expired"), ("CANCELLED", "cancelled")])
def test_partial_output_is_kept(ending, outcome, server, make_batch, send, collect):
    make_batch("a", "b", "c")
    server.ending, server.answered = ending, 2
    send()
    assert collect() == {"a": "ok", "b": "ok", "c": outcome}


def test_the_reason_of_a_failed_job_reaches_every_row(server, make_batch, send, collect, ws):
    make_batch("a", "b")
    server.ending, server.job_error = "FAILED", "model x is not available for batch"
    send()
    assert collect() == {"a": "error", "b": "error"}
    assert "model x is not available for batch" in read_jsonl(ws.results)[0]["error"]["message"]


def test_files_that_are_named_late_are_waited_for(server, make_batch, send, collect):
    make_batch("a")
    server.late_files = 2
    send()
    assert collect() == {"a": "ok"}


def test_unknown_words_mean_still_running(server, make_batch, send, collect, said):
    make_batch("a")
    server.words = ["SCHEDULING", "canceling", "in_progress"]
    send()
    assert collect() == {"a": "ok"}
    assert sum("unknown status 'SCHEDULING'" in text for text in said) == 1


def test_poll_failures_never_end_the_wait(server, make_batch, send, collect):
    make_batch("a")
    send()
    server.fault("retrieve", *["500"] * 7, "drop", "429")
    assert collect() == {"a": "ok"}
    assert server.invoice == [["a"]]


def test_the_same_bytes_again_are_the_same_file(server, make_batch, send, collect):
    make_batch("a")
    server.ending = "FAILED"
    send()
    assert collect() == {"a": "error"}
    server.ending = "COMPLETED"
    send(retry=True)
    assert len([name for name in server.files if name.startswith("file-")]) == 1
    assert collect() == {"a": "ok"}
    assert server.invoice == [["a"], ["a"]]


@pytest.mark.parametrize("key", ["", "  ", "\n", "k abc", "k\nabc", "kö"])
def test_a_key_that_cannot_be_sent_is_refused_before_any_call(key, server, make_batch, send, monkeypatch):
    make_batch("a")
    monkeypatch.setenv("TOGETHER_API_KEY", key)
    with pytest.raises(Rejected, match="TOGETHER_API_KEY") as refusal:
        send()
    assert server.requests == []
    assert not key.strip() or key not in str(refusal.value)


def test_white_space_around_a_key_does_no_harm(server, make_batch, send, monkeypatch):
    make_batch("a")
    monkeypatch.setenv("TOGETHER_API_KEY", f" {KEY}\n")
    send()
    assert server.invoice == [["a"]]


def test_a_wrong_key_is_called_a_wrong_key(server, make_batch, send, monkeypatch):
    make_batch("a")
    monkeypatch.setenv("TOGETHER_API_KEY", "wrong")
    with pytest.raises(Rejected, match=r"the key in TOGETHER_API_KEY was refused \(401\)"):
        send()


@pytest.mark.parametrize("url", ["http://example.com", "https://user:pass@example.com", "ftp://x", "nonsense"])
def test_a_base_url_that_would_leak_the_key_is_refused(url, monkeypatch):
    monkeypatch.setenv("TOGETHER_BASE_URL", url)
    with pytest.raises(Rejected, match="TOGETHER_BASE_URL"):
        together.base_url()


@pytest.mark.parametrize("tail", ["", "/", "/v1", "/v1/"])
def test_the_base_url_of_older_sdks_is_understood(tail, server, make_batch, send, monkeypatch):
    monkeypatch.setenv("TOGETHER_BASE_URL", server.url + tail)
    make_batch("a")
    send()
    assert server.invoice == [["a"]]


def test_neither_key_nor_signature_is_written_anywhere(server, make_batch, send, collect, said, caplog, tmp_path):
    caplog.set_level(logging.INFO)
    make_batch("a")
    server.fault("create", "executed:500")
    send()
    collect()
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    everything = written.decode("utf-8", "replace") + caplog.text + "\n".join(said)
    assert KEY not in everything
    assert "X-Amz-Signature" not in everything


def test_a_list_that_is_no_list_is_not_taken_for_an_empty_one(server, make_batch, send):
    make_batch("a")
    server.fault("list", *["executed:html"] * 9)
    with pytest.raises(Busy):
        send()
    assert server.starts() == 0


def test_a_job_that_the_list_shows_late_is_found(server, make_batch, send, collect):
    make_batch("a")
    server.list_lag = 4
    server.fault("create", "executed:500")
    send()
    assert server.starts() == 1
    assert collect() == {"a": "ok"}

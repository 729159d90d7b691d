"""The live provider against a chat server on loopback; its worker runs here, or as the process that it is."""

from __future__ import annotations

import os
import select
import socket
import threading
import tracemalloc
from email.utils import formatdate
from pathlib import Path

import orjson
import pytest

from pipeline.base.clock import Clock
from pipeline.base.workspace import Workspace
from pipeline.errors import Ambiguous, Rejected, Unencodable
from pipeline.provider import Shard
from pipeline.sending.submit import submit
from providers import live
from providers.job_folders import job as jobs
from providers.job_folders.job import Job
from providers.live import ask, server, worker
from providers.live.pace import Pace
from tests.chat_server import ChatServer
from tests.conftest import read_jsonl
from tests.fakes import FakeTime
from tests.stages import Watch

KEY = "k-secret-0123456789"
WAIT = 60  # seconds until a test that hangs fails


@pytest.fixture
def chat(monkeypatch):
    with ChatServer() as running:
        monkeypatch.setenv("BASE_URL", running.url)
        yield running


@pytest.fixture
def keyed(chat, monkeypatch):
    monkeypatch.setenv("KEY_ENV", "SOME_KEY")
    monkeypatch.setenv("SOME_KEY", KEY)
    chat.key = KEY


@pytest.fixture
def one(monkeypatch):
    monkeypatch.setenv("LIVE_CONCURRENCY", "1")


@pytest.fixture
def woken(monkeypatch):
    """Workers that would have been started."""
    workers = []
    monkeypatch.setattr(live, "wake", lambda job, module: workers.append(job))
    return workers


@pytest.fixture
def processes(monkeypatch):
    """Workers that were started."""
    workers = []
    monkeypatch.setattr(live, "wake", lambda job, module: workers.append(jobs.wake(job, module)))
    yield workers
    for process in workers:
        process.kill()
        process.wait(WAIT)


@pytest.fixture
def time():
    return FakeTime()


@pytest.fixture
def work(time):
    """`work(ref)` is a worker in this process, in time that only moves when it sleeps."""

    def run(ref, sleep=time.clock.sleep):
        worker.work(Job(ref["job"]), lambda job: worker.Run(job, time.clock.now, sleep), sleep)
        return live.Live().poll(ref)

    return run


@pytest.fixture
def start(tmp_path):
    """`start("a", "b")` is a provider and the ref of a job that asks these."""

    def begin(*names, key="0001-00000000"):
        provider = live.Live()
        path = tmp_path / "ws" / "shards" / f"{key}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(provider.encode(request(name)) + b"\n" for name in names))
        shard = Shard(key, path, len(names), path.stat().st_size, "0" * 64)
        return provider, provider.start(shard, provider.stage(shard))

    return begin


def request(name):
    return {"custom_id": name, "body": {"model": "m", "messages": [{"role": "user", "content": name}]}}


def outputs(provider, ref):
    data = b"".join(b"".join(download.chunks) for download in provider.fetch(ref))
    results = [provider.decode(line) for line in data.split(b"\n") if line]
    assert len({result.custom_id for result in results}) == len(results)
    return {result.custom_id: result for result in results}


def texts(provider, ref):
    return {name: result.text for name, result in outputs(provider, ref).items()}


def everywhere(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


# -- the whole way ---------------------------------------------------------------------------------


def test_the_whole_way(keyed, chat, make_batch, processes):
    ws = Workspace.of("test", "live")
    make_batch("a", "b", "c", workspace=ws)
    chat.errors["b"] = "no"
    submit(ws, live.Live(), say=lambda text: None)
    Watch(ws, live.Live(), Clock(), print, poll=0.05).results(wait=True)
    rows = {row["custom_id"]: row for row in read_jsonl(ws.results)}
    assert {name: row["outcome"] for name, row in rows.items()} == {"a": "ok", "b": "error", "c": "ok"}
    assert rows["a"]["text"] == "answer to a"
    assert rows["a"]["usage"] == {"total_tokens": 3}
    assert chat.asked == {"a": 1, "c": 1}


def test_kill_9_and_the_key_is_nowhere(keyed, chat, start, processes, tmp_path):
    names = [f"n{number}" for number in range(12)]
    held, free = threading.Semaphore(0), threading.Event()

    def hold():
        if len(chat.asked) >= 3 and not free.is_set():
            held.release()
            assert free.wait(WAIT)

    chat.hold = hold
    provider, ref = start(*names)
    for _ in range(server.CONCURRENCY):
        assert held.acquire(timeout=WAIT)
    commands = b"".join(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())
    assert KEY.encode() not in commands
    processes[0].kill()
    processes[0].wait(WAIT)
    before = provider.poll(ref).done
    assert 1 <= before < len(names)
    free.set()
    assert processes[-1] is not processes[0]
    processes[-1].wait(WAIT)
    status = provider.poll(ref)
    assert (status.state, status.done) == ("completed", len(names))
    assert texts(provider, ref) == {name: f"answer to {name}" for name in names}
    repeated = sum(chat.asked.values()) - len(names)
    assert repeated <= server.CONCURRENCY  # what was in flight when the worker was killed
    assert KEY.encode() not in everywhere(tmp_path)


def test_a_restart_asks_only_for_the_rest_whatever_the_order(chat, start, woken, work):
    provider, ref = start("a", "b", "c")
    job = Job(ref["job"])
    jobs.append(job.answers, orjson.dumps({"custom_id": "c", "error": "none"}))
    jobs.append(job.answers, b'{"custom_id":"b","response":{"body":{"x":NaN,"y":"\\ud83d"}}}')  # not strict JSON
    with job.answers.open("ab") as stream:
        stream.write(b'{"custom_id":"a","resp')
    assert work(ref).state == "completed"
    assert chat.asked == {"a": 1}
    assert outputs(provider, ref).keys() == {"a", "b", "c"}


def test_a_second_worker_leaves_at_once(chat, start, woken, work):
    provider, ref = start("a")
    with Job(ref["job"]).lock():
        before = len(woken)
        work(ref)
        provider.poll(ref)
        assert len(woken) == before
    assert chat.asked == {}
    provider.poll(ref)
    assert len(woken) == before + 1


def test_jobs_of_a_workspace_take_turns(chat, start, woken, work, time):
    provider, first = start("a")
    _, second = start("b", key="0002-00000000")
    warnings = []

    def sleep(seconds):
        warnings.append(provider.poll(second).warning)
        turn.__exit__(None, None, None)  # the first is done

    turn = Job(first["job"]).turn()
    turn.__enter__()
    assert work(second, sleep).state == "completed"
    assert "waits for another job of this run" in warnings[0]


# -- how hard it asks ------------------------------------------------------------------------------


def test_never_more_at_once_than_allowed(chat, start, woken, work, monkeypatch):
    monkeypatch.setenv("LIVE_CONCURRENCY", "3")
    barrier = threading.Barrier(3)  # nobody gets on before three are in flight
    chat.hold = lambda: barrier.wait(WAIT)
    provider, ref = start(*"abcdefghi")
    assert work(ref).state == "completed"
    assert len(outputs(provider, ref)) == 9
    assert chat.most == 3


def test_not_more_a_minute_than_allowed(chat, start, woken, work, time, one, monkeypatch):
    monkeypatch.setenv("LIVE_RPM", "6")
    begun = time.time
    _, ref = start("a", "b", "c")
    assert work(ref).state == "completed"
    assert time.time - begun == pytest.approx(20.0)  # the first at once, then one in ten seconds


def test_retry_after_is_honoured_and_said(chat, start, woken, work, time, one):
    chat.fault("start", "429:90")
    warnings = set()

    def sleep(seconds):
        warnings.add(provider.poll(ref).warning)
        time.clock.sleep(seconds)

    provider, ref = start("a")
    status = work(ref, sleep)
    assert (status.state, status.warning) == ("completed", None)
    assert sum(time.slept) == 90
    assert texts(provider, ref) == {"a": "answer to a"}
    assert chat.starts() == 2
    [warning] = warnings
    assert warning == f"{chat.url}/v1 refuses for now, the next try is in 90 s: refused with 429 (429)"


def test_a_server_that_says_at_once_is_not_hammered(chat, start, woken, work, time, one):
    chat.fault("start", "429:0", "429:0", "429:1")
    _, ref = start("a")
    assert work(ref).state == "completed"
    assert sum(time.slept) == 2 + 4 + 8


def test_a_hold_is_for_all_threads(time):
    pace = Pace(None, lambda: False, time.clock.now, time.clock.sleep)
    pace.hold(30)
    assert pace.turn()
    assert sum(time.slept) == 30
    assert max(time.slept) <= 1  # so that a cancel is heard


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("0.5", 0.5), ("-3", 0), ("99999", 3600), ("soon", None), ("", None), ("nan", None), ("inf", None)],
)
def test_what_a_server_says_of_when(header, seconds):
    assert ask._retry_after({"retry-after": header}, 0.0) == seconds


def test_a_server_may_say_when_as_a_date():
    assert ask._retry_after({"retry-after": formatdate(1090, usegmt=True)}, 1000.0) == 90


# -- what goes wrong -------------------------------------------------------------------------------


def test_what_may_pass_is_asked_again_and_not_for_ever(chat, start, woken, work, time, one):
    chat.fault("start", "500", "409", "425", "408", *["429"] * ask.MOST_REFUSED)
    provider, ref = start("a", "b")
    assert work(ref).state == "completed"
    results = outputs(provider, ref)
    assert results["a"].error == {"message": "refused with 429 (429)", "code": "429"}
    assert results["b"].text == "answer to b"
    assert chat.asked == {"b": 1}


def test_other_refusals_are_error_lines_at_once(chat, start, woken, work, time):
    chat.errors |= {"a": "the prompt is too long", "c": "no"}
    provider, ref = start("a", "b", "c")
    status = work(ref)
    assert (status.state, status.done) == ("completed", 3)
    results = outputs(provider, ref)
    assert results["a"].error == {"message": "the prompt is too long (400)", "code": "bad_request"}
    assert results["b"].text == "answer to b"
    assert chat.starts() == 3
    assert time.slept == []


def test_a_key_that_is_refused_stops_the_job_and_is_not_in_its_words(keyed, chat, start, woken, work, tmp_path):
    chat.key = "another"
    names = [f"n{number}" for number in range(50)]
    provider, ref = start(*names)
    status = work(ref)
    assert status.state == "failed"
    assert "10 requests in a row failed" in status.error
    assert "'Bearer [key]' is no key of ours (401)" in status.error
    assert 10 <= status.done < 10 + server.CONCURRENCY
    assert outputs(provider, ref)["n0"].error["code"] == "invalid_api_key"
    assert KEY.encode() not in everywhere(tmp_path)


def test_ten_transcripts_that_are_too_long_stop_nothing(chat, start, woken, work):
    names = [f"n{number}" for number in range(12)]
    chat.errors |= dict.fromkeys(names, "too long")
    provider, ref = start(*names, "good")
    assert work(ref).state == "completed"
    assert outputs(provider, ref)["good"].ok


def test_a_server_that_is_down_is_waited_for_and_no_request_is_burnt(start, woken, work, time, monkeypatch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("BASE_URL", f"http://127.0.0.1:{port}/v1")
    up, warnings, lock = [], set(), threading.Lock()

    def sleep(seconds):
        time.clock.sleep(seconds)
        with lock:
            warnings.add(provider.poll(ref).warning)
            if not up and time.time - begun > 3600:
                up.append(ChatServer(port).__enter__())

    begun = time.time
    names = [f"n{number}" for number in range(20)]
    provider, ref = start(*names)
    status = work(ref, sleep)
    assert (status.state, status.warning) == ("completed", None)
    assert texts(provider, ref) == {name: f"answer to {name}" for name in names}
    assert up[0].asked == dict.fromkeys(names, 1)
    assert any("does not answer (ask: ConnectError" in str(warning) for warning in warnings)
    up[0].__exit__()


def test_a_server_that_loads_its_model_is_waited_for(chat, start, woken, work, time, one):
    chat.fault("start", "503")
    chat.fault("find", *["503"] * 30)
    _, ref = start("a")
    assert work(ref).state == "completed"
    assert chat.asked == {"a": 1}
    assert chat.starts() == 2  # looking is free, asking is not


def test_answers_that_are_lost_are_asked_for_three_times_in_all(chat, start, woken, work, time, one):
    chat.fault("start", *["executed:drop"] * ask.MOST_LOST)
    provider, ref = start("a", "b")
    assert work(ref).state == "completed"
    results = outputs(provider, ref)
    assert results["a"].error["code"] == "connection_lost"
    assert "3 answers were lost" in results["a"].error["message"]
    assert chat.asked == {"a": 3, "b": 1}


def test_a_page_instead_of_an_answer_is_an_error_line(chat, start, woken, work):
    chat.fault("start", "executed:html")
    provider, ref = start("a")
    assert work(ref).state == "completed"
    error = outputs(provider, ref)["a"].error
    assert error["message"] == "what came is not JSON: <html>log in</html> (200)"


def test_the_body_goes_through_as_it_is(chat, start, woken, work):
    chat.raw = (
        b'{\n  "choices": [{"message": {"content": "one\\ntwo \xe2\x80\xa8 \\ud83d"}}],\r\n  "own": 1.50\n}\n'
    )
    provider, ref = start("a")
    assert work(ref).state == "completed"
    [line] = Job(ref["job"]).answers.read_bytes().splitlines()
    flat = chat.raw.replace(b"\n", b" ").replace(b"\r", b" ")
    assert line == b'{"custom_id":"a","response":{"status_code":200,"body":' + flat + b"}}"
    assert texts(provider, ref)["a"].startswith("one\ntwo \u2028 ")
    call = next(call for verb, call in chat.calls if verb == "start")
    assert call.json == request("a")["body"]


def test_cancel_lets_what_is_in_flight_finish(chat, start, woken, work, monkeypatch):
    monkeypatch.setenv("LIVE_CONCURRENCY", "2")
    provider, ref = start(*"abcdef")
    barrier = threading.Barrier(2, lambda: provider.cancel(ref))
    chat.hold = lambda: barrier.wait(WAIT)
    status = work(ref)
    assert (status.state, status.done) == ("cancelled", 2)
    assert texts(provider, ref) == {"a": "answer to a", "b": "answer to b"}


def test_cancel_is_heard_while_the_server_is_waited_for(chat, start, woken, work, time):
    chat.fault("start", "429:3600")
    provider, ref = start("a")

    def sleep(seconds):
        time.clock.sleep(seconds)
        provider.cancel(ref)

    assert work(ref, sleep).state == "cancelled"
    assert len(time.slept) <= 2


def test_cancel_of_a_job_that_nobody_works_on_ends_it(chat, start, woken):
    provider, ref = start("a")
    provider.cancel(ref)
    assert provider.poll(ref).state == "cancelled"


@pytest.fixture
def heard(monkeypatch):
    """`heard()` waits until a worker writes to its log."""
    streams, start = [], jobs.wake

    def wake(job, module):
        log = job.root / "worker.log"
        if not log.exists():
            os.mkfifo(log)
            streams.append(os.open(log, os.O_RDWR))
        return start(job, module)

    monkeypatch.setattr(jobs, "wake", wake)
    yield lambda: select.select(streams, [], [], WAIT)[0]
    for stream in streams:
        os.close(stream)


def test_a_worker_that_shall_go_finishes_what_is_in_flight(chat, start, processes, one, heard):
    """SIGTERM, as of a machine that is shut down; the next one goes on."""
    reached, free = threading.Event(), threading.Event()

    def hold():
        reached.set()
        assert free.wait(WAIT)

    chat.hold = hold
    provider, ref = start("a", "b", "c")
    assert reached.wait(WAIT)
    processes[0].terminate()
    assert heard()
    free.set()
    assert processes[0].wait(WAIT) == 0
    assert Job(ref["job"]).state is None
    provider.poll(ref)
    processes[1].wait(WAIT)
    assert provider.poll(ref).state == "completed"
    assert chat.asked == {"a": 1, "b": 1, "c": 1}


def test_a_worker_that_breaks_fails_the_job_with_its_reason(chat, start, woken, work):
    _, ref = start("a", "b")
    Path(Job(ref["job"]).read()["shard"]).unlink()
    status = work(ref)
    assert status.state == "failed"
    assert "No such file" in status.error


# -- what it is told -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "root"),
    [
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434/v1"),
        ("http://127.0.0.1:11434/v1/", "http://127.0.0.1:11434/v1"),
        ("http://box:8000/v1/chat/completions", "http://box:8000/v1"),
        ("https://api.acme.ai/chat/completions", "https://api.acme.ai"),
        ("https://api.acme.ai/v1beta/openai/", "https://api.acme.ai/v1beta/openai"),
    ],
)
def test_a_url_with_or_without_its_end(given, root, monkeypatch):
    monkeypatch.setenv("BASE_URL", given)
    assert server.configured().root == root


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("BASE_URL", "", "set BASE_URL"),
        ("BASE_URL", "ollama", "BASE_URL is no usable URL"),
        ("BASE_URL", "http://[::1", "BASE_URL is no usable URL"),
        ("BASE_URL", "http://box:99999/v1", "BASE_URL is no usable URL"),
        ("KEY_ENV", "sk-live-very-secret", "KEY_ENV must be the name of the variable"),
        ("KEY_ENV", "NOT_SET_ANYWHERE", "no key: set NOT_SET_ANYWHERE"),
        ("LIVE_CONCURRENCY", "many", "LIVE_CONCURRENCY must be a whole number from 1 to 100"),
        ("LIVE_CONCURRENCY", "0", "LIVE_CONCURRENCY must be a whole number"),
        ("LIVE_RPM", "1e3", "LIVE_RPM must be a whole number"),
    ],
)
def test_a_wrong_variable_is_refused_before_anything_is_sent(name, value, why, chat, monkeypatch):
    monkeypatch.setenv(name, value)
    with pytest.raises(Rejected, match=why) as error:
        live.Live().preflight("m")
    assert "very-secret" not in str(error.value)


def test_a_key_is_not_sent_in_the_clear(monkeypatch):
    monkeypatch.setenv("BASE_URL", "http://far.away/v1")
    live.Live().preflight("m")  # without a key any host will do
    monkeypatch.setenv("KEY_ENV", "SOME_KEY")
    monkeypatch.setenv("SOME_KEY", KEY)
    with pytest.raises(Rejected, match="unencrypted"):
        live.Live().preflight("m")


def test_a_proxy_is_not_asked_for_a_server_on_this_machine(chat, start, woken, work, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    _, ref = start("a")
    assert work(ref).state == "completed"


def test_a_key_goes_to_no_server_that_only_a_job_names(keyed, chat, start, woken, monkeypatch):
    """A copied run may come from somebody else."""
    provider, ref = start("a")
    monkeypatch.setenv("BASE_URL", "http://127.0.0.1:1/v1")
    with pytest.raises(Rejected, match="type both, if that key is to go there"):
        provider.poll(ref)


def test_a_job_stays_with_its_server(chat, start, woken, work, monkeypatch):
    provider, ref = start("a")
    monkeypatch.setenv("BASE_URL", "http://127.0.0.1:1/v1")
    assert work(ref).state == "completed"
    assert texts(provider, ref) == {"a": "answer to a"}


def test_a_key_that_is_gone_is_said_by_the_poll(keyed, start, woken, monkeypatch):
    provider, ref = start("a")
    monkeypatch.delenv("SOME_KEY")
    with pytest.raises(Rejected, match="no key: set SOME_KEY"):
        provider.poll(ref)


def test_a_stream_cannot_be_stored():
    body = request("a")["body"] | {"stream": True}
    with pytest.raises(Unencodable, match="stream"):
        live.Live().encode({"custom_id": "a", "body": body})


def test_a_shard_is_never_in_memory(chat, start, woken):
    provider, ref = start("a")
    job = Job(ref["job"])
    with Path(job.read()["shard"]).open("wb") as stream:
        for number in range(200):
            body = {"model": "m", "messages": [{"role": "user", "content": "x" * 200_000}]}
            stream.write(provider.encode({"custom_id": f"n{number}", "body": body}) + b"\n")
    run = worker.Run(job)
    run.asker.ask = lambda custom_id, body: orjson.dumps({"custom_id": custom_id})
    tracemalloc.start()
    run.all(4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert job.done() == 200
    assert peak < 8 << 20, peak


def test_the_end_of_a_torn_file_is_found_from_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "BLOCK", 4)
    job = Job(tmp_path)
    for torn, whole in [
        (b"", b""),
        (b"abc", b""),
        (b"a\n", b"a\n"),
        (b"a\nbcdefghijkl", b"a\n"),
        (b"ab\ncd\ne", b"ab\ncd\n"),
    ]:
        job.answers.write_bytes(torn)
        job.trim()
        assert job.answers.read_bytes() == whole


def test_one_request_is_answered_at_once_and_asked_once(chat, keyed):
    provider = live.Live()
    line = provider.encode(
        {"custom_id": "a", "body": {"model": "m", "messages": [{"role": "user", "content": "words of a"}]}}
    )
    result = provider.decode(provider.ask(line, "m"))
    assert (result.custom_id, result.text) == ("a", "answer to a")
    chat.fault("start", "500")
    with pytest.raises(Ambiguous) as error:
        provider.ask(line, "m")
    assert KEY not in str(error.value) and chat.asked == {"a": 1} and chat.starts() == 2

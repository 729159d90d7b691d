"""The vllm provider against tests/fake_vllm.py; the real program was not run."""

from __future__ import annotations

import os
import signal
import sys
import tracemalloc
from contextlib import suppress

import orjson
import pytest

from pipeline.base.clock import Clock
from pipeline.base.workspace import Workspace
from pipeline.errors import Rejected
from pipeline.provider import Shard
from pipeline.sending.submit import submit
from providers.job_folders.job import Job
from providers.vllm import Vllm, process
from providers.vllm.part import Part
from tests.conftest import ROOT, read_jsonl
from tests.stages import Watch

FAKE = f"{sys.executable} {ROOT / 'tests' / 'fake_vllm.py'}"


@pytest.fixture
def command(monkeypatch):
    """`command("--die 1")` is the program that runs from then on."""

    def be(options=""):
        monkeypatch.setenv("VLLM_COMMAND", f"{FAKE} {options}")

    be()
    return be


@pytest.fixture
def shard(tmp_path):
    return make_shard(tmp_path, "0001-00000000", "abcd")


def make_shard(tmp_path, key, names):
    path = tmp_path / "ws" / "shards" / f"{key}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [Vllm().encode(request(name)) + b"\n" for name in names]
    path.write_bytes(b"".join(lines))
    return Shard(key, path, len(lines), path.stat().st_size, "0" * 64)


def request(name):
    return {"custom_id": name, "body": {"model": "m", "messages": [{"role": "user", "content": name}]}}


def started(shard):
    provider = Vllm()
    return provider, provider.start(shard, provider.stage(shard))


def meet(fifo):
    """Wait until the run stands at the FIFO; gives the end of it that holds the run there."""
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("the run never came to the FIFO"))
    signal.alarm(60)
    try:
        return os.open(fifo, os.O_WRONLY)
    finally:
        signal.alarm(0)


def ended(ref):
    """Wait until the run that goes on is over; it is a child of this process."""
    pid = orjson.loads((Job(ref["job"]).root / "process").read_bytes())["pid"]
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)
    return pid


def polled(provider, ref, runs=9):
    """Poll until the job has ended, waiting for each run."""
    for _ in range(runs):
        status = provider.poll(ref)
        if status.ended:
            return status
        ended(ref)
    raise AssertionError(status)


def outputs(provider, ref):
    data = b"".join(b"".join(download.chunks) for download in provider.fetch(ref))
    return [provider.decode(line) for line in data.split(b"\n") if line]


def test_the_whole_way(command, make_batch, monkeypatch):
    monkeypatch.setenv("VLLM_ARGS", "--max-model-len 4096")
    monkeypatch.setenv("VERBOSE", "")
    ws = Workspace.of("test", "vllm")
    make_batch("a", "b", "bad", workspace=ws)
    submit(ws, Vllm(), say=lambda text: None)
    Watch(ws, Vllm(), Clock(), print, poll=0.05).results(wait=True)
    rows = {row["custom_id"]: row for row in read_jsonl(ws.results)}
    assert {name: row["outcome"] for name, row in rows.items()} == {"a": "ok", "b": "ok", "bad": "error"}
    assert rows["a"]["text"] == "answer to a"
    assert "cannot answer bad" in rows["bad"]["error"]["message"]


def test_a_line_says_method_and_url():
    line = orjson.loads(Vllm().encode(request("a")))
    assert list(line) == ["custom_id", "method", "url", "body"]
    assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
    assert Vllm().custom_id(Vllm().encode(request("a"))) == "a"


def test_a_run_that_dies_is_followed_by_one_on_the_rest(command, shard):
    command("--die 1")
    provider, ref = started(shard)
    status = polled(provider, ref)
    assert (status.state, status.done) == ("completed", 4)
    assert [result.custom_id for result in outputs(provider, ref)] == list("abcd")
    tries = (Job(ref["job"]).root / "tries").read_text().split()
    assert tries == ["0", "1", "2", "3"]  # each run answered one more


def test_kill_9_in_the_middle(command, shard, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    command(f"--die 2 --meet {fifo}")
    provider, ref = started(shard)
    pid = orjson.loads((Job(ref["job"]).root / "process").read_bytes())["pid"]
    fifo_end = meet(fifo)  # it is there now, behind two lines and a half
    assert provider.poll(ref).done == 2
    assert provider.poll(ref).state == "running"
    os.kill(pid, signal.SIGKILL)
    ended(ref)
    os.close(fifo_end)
    command()
    assert provider.poll(ref).done >= 2
    assert polled(provider, ref).state == "completed"
    assert [result.custom_id for result in outputs(provider, ref)] == list("abcd")
    assert [row["custom_id"] for row in read_jsonl(Part(Job(ref["job"])).input)] == ["c", "d"]


def test_while_a_run_lives_no_other_is_started(command, shard, tmp_path):
    """Also when the process that started it is gone: the run itself holds the lock."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    command(f"--die 0 --meet {fifo}")
    provider, ref = started(shard)
    other = Vllm()
    ref2 = other.start(make_shard(tmp_path, "0002-00000000", "xy"), {"job": str(tmp_path / "ws/service/2")})
    for _ in range(3):
        assert provider.poll(ref).state == "running"
    assert (Job(ref["job"]).root / "tries").read_text().split() == ["0"]
    status = other.poll(ref2)  # one GPU: a second job waits for the first
    assert "waits for another job" in status.warning
    assert not (Job(ref2["job"]).root / "process").exists()
    command()
    os.close(meet(fifo))
    ended(ref)
    assert polled(provider, ref).state == "completed"
    assert polled(other, ref2).state == "completed"


def test_a_program_that_keeps_dying_fails_the_job_with_the_end_of_its_log(command, shard):
    command("--die 0")
    provider, ref = started(shard)
    status = polled(provider, ref)
    assert status.state == "failed"
    assert "3 times without one more answer" in status.error
    assert "OutOfMemoryError: \\u001b[31mout of memory" in status.error
    assert len((Job(ref["job"]).root / "tries").read_text().split()) == 3


def test_a_line_that_vllm_refuses_fails_the_job_before_any_answer(command, shard):
    shard.path.write_bytes(shard.path.read_bytes() + b'{"custom_id":"e","body":{}}\n')
    provider, ref = started(shard)
    status = polled(provider, ref)
    assert status.state == "failed"
    assert "AssertionError" in status.error
    assert outputs(provider, ref) == []


def test_cancel_ends_the_run_and_keeps_what_it_answered(command, shard, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    command(f"--die 2 --meet {fifo}")
    provider, ref = started(shard)
    fifo_end = meet(fifo)
    provider.cancel(ref)
    ended(ref)
    os.close(fifo_end)
    status = provider.poll(ref)
    assert (status.state, status.done) == ("cancelled", 2)
    assert [result.custom_id for result in outputs(provider, ref)] == ["a", "b"]


def test_a_run_that_does_not_hear_is_killed_by_the_next_poll(command, shard, tmp_path, monkeypatch):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    command(f"--die 2 --meet {fifo}")
    provider, ref = started(shard)
    fifo_end = meet(fifo)
    job = Job(ref["job"])
    job.cancel()  # as a cancel whose signal was not heard
    provider.poll(ref)
    ended(ref)
    os.close(fifo_end)
    assert polled(provider, ref).state == "cancelled"


def test_a_process_that_got_the_number_of_a_dead_run_is_left_alone(command, shard, monkeypatch):
    _, ref = started(shard)
    ended(ref)
    job = Job(ref["job"])
    job.write("process", {"pid": os.getpid(), "born": "1"})
    monkeypatch.setattr(os, "killpg", lambda *args: pytest.fail("a stranger was killed"))
    with job.lock():
        process.end(job, signal.SIGTERM)


def test_a_take_that_was_killed_half_way_takes_nothing_twice(command, shard):
    provider, ref = started(shard)
    ended(ref)
    part = Part(Job(ref["job"]))
    whole = part.output.read_bytes()
    part.job.answers.write_bytes(whole.split(b"\n")[0] + b"\n" + whole.split(b"\n")[1][:9])
    part.take()
    assert part.job.answers.read_bytes() == whole
    assert polled(provider, ref).state == "completed"


def test_it_is_found_by_its_folder(command, shard):
    provider = Vllm()
    handle = provider.stage(shard)
    assert provider.find(shard, handle) == []
    ref = provider.start(shard, handle)
    assert [found.ref for found in provider.find(shard, handle)] == [ref]
    ended(ref)


def test_a_missing_program_says_what_to_type(monkeypatch):
    monkeypatch.setenv("VLLM_COMMAND", "no-such-vllm --x")
    with pytest.raises(Rejected, match=r"no-such-vllm: no such program; `pip install vllm`, or .*VLLM_COMMAND"):
        Vllm().preflight("m")
    monkeypatch.setenv("VLLM_COMMAND", "vllm 'x")
    with pytest.raises(Rejected, match="VLLM_COMMAND is no command line: No closing quotation"):
        Vllm().preflight("m")


def test_an_output_is_never_in_memory(tmp_path):
    shard = make_shard(tmp_path, "0001-00000000", [f"r{n}" for n in range(200)])
    job = Job(tmp_path / "ws" / "service" / "x")
    job.create(shard=str(shard.path), requests=200, model="m")
    with Part(job).output.open("wb") as stream:
        for n in range(200):
            body = {"choices": [{"message": {"content": "x" * 200_000}}]}
            stream.write(orjson.dumps({"custom_id": f"r{n}", "response": {"body": body}}) + b"\n")
    tracemalloc.start()
    Part(job).take()
    assert next(job.rest(), None) is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert job.done() == 200
    assert peak < 8 << 20, peak

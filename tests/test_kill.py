"""kill -9 for real: a process dies at the K-th system call that matters, and the next one goes on.

A `sitecustomize` in the child counts fsync, rename and socket sends and receives, and kills the process
before or after one of them. The short form is in the default suite; `make test-long` tries every step.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pipeline.base.workspace import Workspace
from tests.conftest import ROOT, read_jsonl

SHIM = """
import os, signal, socket
AT, COUNT = int(os.environ["KILL_AT"]), [0]
def step():
    COUNT[0] += 1
    if COUNT[0] == AT:
        os.kill(os.getpid(), signal.SIGKILL)
def watched(call):
    def both(*args, **kwargs):
        step()
        answer = call(*args, **kwargs)
        step()
        return answer
    return both
os.fsync, os.replace = watched(os.fsync), watched(os.replace)
for name in ("sendall", "recv"):
    setattr(socket.socket, name, watched(getattr(socket.socket, name)))
import atexit
atexit.register(lambda: open(os.environ["KILL_COUNT"], "w").write(str(COUNT[0])))
"""
STEPS = 80  # more than there are
SHORT = (1, 12, 24, 34, 38, 41, 47, 50)


@pytest.fixture
def run(server, tmp_path):
    """`run(at, "submit")` runs the command and kills it at that step; 0 lets it live. Returns its exit code."""
    (tmp_path / "shim").mkdir()
    (tmp_path / "shim" / "sitecustomize.py").write_text(SHIM)
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env |= {"TOGETHER_API_KEY": "k", "TOGETHER_BASE_URL": server.url, "PYTHONPATH": f"{tmp_path / 'shim'}:{ROOT}"}
    env |= {"KILL_COUNT": str(tmp_path / "count"), "SETTLE": "0"}

    def command(at, *words):
        words = [sys.executable, "-m", "pipeline", *words, "--run", "test"]
        return subprocess.run(words, env=env | {"KILL_AT": str(at)}, capture_output=True, timeout=60).returncode

    return command


def goes_on(at, run, server, make_batch):
    """Killed at that step and submitted again: one job per request, every answer. Says whether it was killed."""
    ws = Workspace.of("test", "together")
    make_batch("a", "b", workspace=ws)
    killed = run(at, "submit") == -9
    # Died between the word that it starts and the start: of the first job, so the list has shown none.
    assert (code := run(0, "submit")) == 0 or (
        code == 75 and not server.paid and run(0, "submit", "--again", "0001") == 0
    )
    assert server.paid == ["a", "b"]
    assert run(at if not killed else 0, "results") in (0, -9)
    assert run(0, "results") == 0
    assert [row["outcome"] for row in read_jsonl(ws.results)] == ["ok", "ok"]
    return killed


@pytest.mark.parametrize("at", SHORT)
def test_killed_at_some_steps(at, run, server, make_batch):
    goes_on(at, run, server, make_batch)


@pytest.mark.long
@pytest.mark.parametrize("at", range(1, STEPS))
def test_killed_at_every_step(at, run, server, make_batch):
    goes_on(at, run, server, make_batch)


def test_the_sweep_covers_every_step(run, server, make_batch, tmp_path):
    make_batch("a", "b", workspace=Workspace.of("test", "together"))
    assert run(0, "submit") == 0
    steps = int((tmp_path / "count").read_text())
    assert max(SHORT) <= steps < STEPS, steps

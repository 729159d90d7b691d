"""What every test stands on: a folder of its own, no network but loopback, no key by accident."""

from __future__ import annotations

import os
import re
import shutil
import socket
from pathlib import Path

import orjson
import pytest

from pipeline.base.workspace import Workspace
from pipeline.batch.prompt import Prompt
from pipeline.cli import main
from pipeline.transcripts.ingest import ingest
from tests.fakes import Fake, Service
from tests.stages import batch
from tests.together_server import TogetherServer
from tests.warm import warm as warm_python

PLUGINS = {
    "BASE_URL", "KEY_ENV", "LIVE_CONCURRENCY", "LIVE_RPM",
    "VLLM_COMMAND", "VLLM_ARGS", "LOCAL_MODEL", "LOCAL_CONTEXT",
}  # fmt: skip
OF_A_SERVICE = re.compile(r"[A-Z_]+_(?:API_KEY|BASE_URL)|(?:AWS|BEDROCK|TRANSCRIPT_BATCH)_.*")
ROOT = Path(__file__).parent.parent

# Most of what the tests wait for is fsync. In memory it is free, where there is room for the largest of them.
MEMORY = Path("/dev/shm")
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 << 30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """Run in an empty folder, without the variables of the person who runs the tests."""
    options = {option.envvar for command in main.commands.values() for option in command.params}
    for name in filter(None, options | PLUGINS | {*filter(OF_A_SERVICE.fullmatch, os.environ)}):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "1000")  # what is said stays in one line
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch):
    """A connection to anywhere else is a failure."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {address[0]}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def warm(tmp_path_factory):
    """Lines of a shell script that go on as `python "$@"`, and start the pipeline in no time."""
    with warm_python(tmp_path_factory.mktemp("warm")) as lines:
        yield lines


@pytest.fixture
def ws() -> Workspace:
    return Workspace.of("test", "fake")


@pytest.fixture
def server():
    """A Together whose jobs have ended when they are first looked at."""
    with TogetherServer() as running:
        running.polls_needed = 0
        yield running


@pytest.fixture
def make_batch(ws, tmp_path):
    """`make_batch("a", "b")` writes batch.jsonl with one request for each id."""

    def make(*ids: str, system: str = "", workspace: Workspace = ws) -> None:
        path = tmp_path / "talks.jsonl"
        write_jsonl(path, [{"id": name, "title": name.upper(), "text": f"words of {name}"} for name in ids])
        batched(workspace, [path], Prompt("m", system=system))

    return make


def batched(ws: Workspace, paths: list[Path], prompt: Prompt, overlap: int = 200) -> int:
    """From transcripts to batch.jsonl; the number of requests."""
    ingest(ws, paths, say=lambda text: None)
    return batch(ws, Fake(Service()), [prompt], overlap, say=lambda text: None)


@pytest.fixture
def run(capsys):
    """`run("batch", ...)` is the command; returns its exit code, standard output and standard error."""

    def command(*words):
        code = 0
        try:
            main([str(word) for word in words])
        except SystemExit as leave:
            code = leave.code
        return code, *capsys.readouterr()

    return command


def named(said: str) -> str:
    """The shards that an error says may be typed: AGAIN=…; "" if none."""
    found = re.search(r"AGAIN=(?:'([^']+)'|([\w-]+))", said)
    return (found[1] or found[2]) if found else ""


def write_jsonl(path: Path, records: list) -> Path:
    path.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
    return path


def read_jsonl(path: Path) -> list:
    return [orjson.loads(line) for line in path.read_bytes().split(b"\n") if line]

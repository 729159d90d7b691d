"""Batch servers that others wrote complete a run with our client, crash included; `make test-servers` has them.

AIBrix's metadata service (a real queue and store, in front of a chat server of ours) and aimock (a mock with a
batch's life). AIBrix also stands behind Together's wire, for the real SDK.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from pipeline.testkit.contract import IDS, Run
from providers.openai_compatible import OpenAICompatible, services
from tests.chat_server import ChatServer
from tests.conftest import ROOT

SERVERS = Path(os.environ.get("SERVERS", ROOT / ".servers"))  # where `make test-servers` puts them
AIBRIX, AIMOCK = SERVERS / "bin" / "python", SERVERS / "node_modules" / ".bin" / "llmock"
# Its own launcher knows dry runs and Kubernetes; this is the third of its sources of an endpoint.
LAUNCH = """
import sys, aibrix.metadata.app as app
from aibrix.batch.client import GatewayEndpointSource
app.NoopEndpointSource = lambda: GatewayEndpointSource(sys.argv.pop(1))
app.main()
"""


@contextmanager
def serving(words: list, port: int, folder: Path, ready: str):
    """A server as a process, once it answers."""
    folder.mkdir(exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(w) for w in words], cwd=folder, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        transport = httpx.HTTPTransport(retries=7)  # 0.5 s, doubled each time, for a server that starts
        with httpx.Client(transport=transport, trust_env=False) as client:
            client.get(url + ready)
        yield url
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def aibrix(tmp_path):
    if not AIBRIX.exists():
        pytest.skip("AIBrix is not installed; `make test-servers` does")
    port = free_port()
    with ChatServer() as chat:
        words = [AIBRIX, "-c", LAUNCH, chat.url, "--host", "127.0.0.1", "--port", port, "--dry-run"]
        with serving(words, port, tmp_path / "aibrix", "/v1/batches") as url:
            yield url


@pytest.fixture
def aimock(tmp_path):
    if not AIMOCK.exists():
        pytest.skip("aimock is not installed; `make test-servers` does")
    port, folder = free_port(), tmp_path / "aimock"
    (folder / "fixtures").mkdir(parents=True)
    with serving([AIMOCK, "-p", port, "-h", "127.0.0.1", "-f", "fixtures"], port, folder, "/health") as url:
        yield url


class Theirs:
    """What the contract's Run needs of a service that is not ours to bend."""

    def __init__(self, make: Callable, jobs: Callable[[], int]) -> None:
        self.provider, self.jobs = make, jobs


def custom(url: str, monkeypatch) -> Theirs:
    monkeypatch.setenv("BASE_URL", f"{url}/v1")
    monkeypatch.setenv("KEY_ENV", "MY_KEY")
    monkeypatch.setenv("MY_KEY", "k-secret")
    make = lambda: OpenAICompatible(services.find("custom"))  # noqa: E731
    return Theirs(make, lambda: len(list(make()._jobs())))


@pytest.mark.parametrize("name", ["aibrix", "aimock"])
def test_a_run_with_a_crash_at_each_step_of_its_submit(name, request, monkeypatch):
    theirs = custom(request.getfixturevalue(name), monkeypatch)
    for at in range(1, 99):
        run = Run(theirs, f"killed-{at}")
        run.make(*IDS, words=f"{at} words of {{}}")
        died = run.dying(at, monkeypatch, run.send)
        run.send()
        assert run.provider.tag
        assert theirs.jobs() == at, at
        if not died:
            break
    assert run.collect() == dict.fromkeys(IDS, "ok")

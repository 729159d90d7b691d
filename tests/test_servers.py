"""Batch servers that others wrote complete a run with our client, crash included; `make test-servers` has them.

AIBrix's metadata service (a real queue and store, in front of a chat server of ours) and aimock (a mock with a
batch's life). AIBrix also stands behind Together's wire, for the real SDK.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from pipeline.base.clock import Clock
from pipeline.testkit.contract import IDS, Run
from providers.openai_compatible import OpenAICompatible, services
from providers.together import Together
from tests.chat_server import ChatServer
from tests.conftest import ROOT
from tests.stages import Watch
from tests.together_server import Answer, TogetherServer

SERVERS = Path(os.environ.get("SERVERS", ROOT / ".servers"))  # where `make test-servers` puts them
AIBRIX, AIMOCK = SERVERS / "bin" / "python", SERVERS / "node_modules" / ".bin" / "llmock"
# Its own launcher knows dry runs and Kubernetes; this is the third of its sources of an endpoint.
LAUNCH = """
import sys, aibrix.metadata.app as app
from aibrix.batch.client import GatewayEndpointSource
chat = sys.argv.pop(1)
app.NoopEndpointSource = lambda: GatewayEndpointSource(chat)
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
    assert collected(run) == dict.fromkeys(IDS, "ok")


def collected(run: Run) -> dict[str, str]:
    """These servers take their time, which a clock that only jumps would not give them."""
    Watch(run.ws, run.provider, Clock(), run.said.append, poll=0.2).results(wait=True)
    return {name: row["outcome"] for name, row in run.rows().items()}


class Front(TogetherServer):
    """Together's wire, ours, with AIBrix behind it: uploads, jobs and outputs are AIBrix's."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.back = httpx.Client(base_url=f"{url}/v1", trust_env=False)

    def create(self, body: bytes) -> Answer:
        asked = json.loads(body)
        data = self.files[asked["input_file_id"]]["data"]
        rest = {"method": "POST", "url": asked["endpoint"]}
        lines = [{**json.loads(line), **rest} for line in data.split(b"\n") if line]
        content = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        upload = {"files": {"file": ("in.jsonl", content)}, "data": {"purpose": "batch"}}
        file = self.back.post("/files", **upload).json()["id"]
        fields = {"endpoint": asked["endpoint"], "completion_window": "24h", "input_file_id": file}
        job = self.back.post("/batches", json={**fields, "metadata": {"of": asked["input_file_id"]}}).json()
        return Answer(201, {"job": self.told(job)})

    def list(self, body: bytes) -> Answer:
        return Answer(200, [self.told(job) for job in self.back.get("/batches").json()["data"]])

    def retrieve(self, body: bytes, job_id: str) -> Answer:
        job = self.back.get(f"/batches/{job_id}").json()
        for column in ("output_file_id", "error_file_id"):
            if file := job.get(column):
                data = self.back.get(f"/files/{file}/content").content
                self.files[file] = {"name": "out.jsonl", "purpose": "batch-generated", "data": data}
        return Answer(200, self.told(job))

    def told(self, job: dict) -> dict:
        """AIBrix's job in Together's words."""
        words = {"finalizing": "IN_PROGRESS", "cancelling": "CANCELLING"}
        status = words.get(job["status"], job["status"].upper())
        return {**job, "status": status, "input_file_id": (job.get("metadata") or {}).get("of"), "created_at": None}


def test_aibrix_behind_together_s_wire(aibrix, monkeypatch):
    with Front(aibrix) as front:
        monkeypatch.setenv("TOGETHER_API_KEY", "k-secret")
        monkeypatch.setenv("TOGETHER_BASE_URL", front.url)
        run = Run(Theirs(Together, lambda: 0))
        run.make(*IDS)
        front.fault("create", "executed:500")
        run.send()
        assert collected(run) == dict.fromkeys(IDS, "ok")
        assert run.texts() == {name: f"answer to {name}" for name in IDS}
        assert len(front.back.get("/batches").json()["data"]) == 1

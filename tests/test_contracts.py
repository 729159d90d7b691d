"""The contract over plugins that have tests of their own too; Together and Bedrock through their real SDKs."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.testkit.contract import ProviderContract
from pipeline.testkit.service import Flaky, Service
from providers.gemini import Gemini
from providers.job_folders.job import Job, append, names
from providers.live import Live
from providers.local import Local
from providers.together import Together
from providers.vllm import Vllm
from providers.wire import bedrock_converse as converse
from tests.bedrock_server import BedrockServer
from tests.gemini_server import GeminiServer
from tests.together_server import TogetherServer

ROUTES = {
    "stage": "upload",
    "start": "create",
    "find": "list",
    "poll": "retrieve",
    "fetch": "content",
    "ask": "complete",
}


class TogetherService(TogetherServer):
    """The fake under the words of the contract."""

    secret, tells_strangers, text, no_counts = "k-secret-0123456789", True, "answer to {}", False
    wire = Service.wire
    running = ("VALIDATING", "IN_PROGRESS", "CANCELLING", "canceling")

    def __init__(self) -> None:
        super().__init__()
        self.rows = lambda rows: [self._said(row) for row in rows]
        self.job_hook = lambda job: {**job, "progress": None} if self.no_counts else job

    def provider(self) -> Together:
        return Together()

    def fault(self, route, *kinds, **how):
        super().fault(ROUTES.get(route, route), *kinds, **how)

    at_once = True

    def asks(self):
        return self.requests.count(("POST", "/v1/chat/completions"))

    def create(self, body):
        self.ending = self.ending.upper()
        if self.ending == "FAILED" and self.answered is None:
            self.answered = 1_000_000  # its own default for a job that failed is none
        return super().create(body)

    @property
    def word(self):
        return None

    @word.setter
    def word(self, word):
        self.words = [word] if word else []

    def _said(self, row):
        row["response"]["body"]["choices"][0]["message"]["content"] = self.text.format(row["custom_id"])
        return row


class TestTogether(ProviderContract):
    @pytest.fixture
    def service(self, monkeypatch):
        with TogetherService() as server:
            monkeypatch.setenv("TOGETHER_API_KEY", server.secret)
            monkeypatch.setenv("TOGETHER_BASE_URL", server.url)
            yield server


class GeminiService(GeminiServer):
    running = ("BATCH_STATE_PENDING", "JOB_STATE_CANCELLING", "JOB_STATE_PAUSED")

    def provider(self) -> Gemini:
        return Gemini()


class TestGemini(ProviderContract):
    @pytest.fixture
    def service(self, monkeypatch):
        with GeminiService() as server:
            monkeypatch.setenv("GEMINI_API_KEY", server.secret)
            monkeypatch.setenv("GEMINI_BASE_URL", server.url)
            yield server


class BedrockService(BedrockServer):
    """The fake under the words of the contract, without the least of requests, which has tests of its own."""

    least = 1
    running = ("Submitted", "Validating", "Scheduled", "InProgress", "Stopping")
    words = {"completed": "Completed", "failed": "Failed", "expired": "Expired", "cancelled": "Stopped"}  # noqa: RUF012

    def provider(self):
        from providers.bedrock import Bedrock

        class Small(Bedrock):
            def limits(self, model):
                return replace(super().limits(model), min_requests=1)

        return Small()

    def wire(self, line):
        return converse.custom_id(super().wire(line))

    def _end(self, job, word):
        super()._end(job, self.words.get(word, word))


class MachineService(Service):
    """A job on this machine without its process: each poll is what that would have done."""

    def __init__(self, make) -> None:
        super().__init__()
        self.make, self.polls = make, Counter()
        self.at_once = False if make is Vllm else None  # test_local.py and test_live.py have theirs

    def provider(self) -> Flaky:
        plugin = self.make()
        poll = plugin.poll
        plugin.go_on = lambda job: None
        plugin.poll = lambda ref: self.asked(ref["job"]) or poll(ref)
        return Flaky(plugin, self)

    @property
    def invoice(self):
        jobs = sorted(Path("data/runs").glob("*/*/service/*/job.json"))
        return [[json.loads(line)["custom_id"] for line in Job(path.parent).rest()] for path in jobs]

    def asked(self, folder: str) -> None:
        job, self.polls[folder] = Job(folder), self.polls[folder] + 1
        if job.cancelled and not job.state:
            return job.end("cancelled")
        if job.state or self.polls[folder] <= self.polls_needed:
            return
        for name in list(names(Path(job.read()["shard"])))[: self.answered]:
            append(job.answers, json.dumps(self.row(name)).encode())
        job.end(self.ending, "it broke" if self.ending == "failed" else None)

    def row(self, name: str) -> dict:
        if name in self.errors:
            return {"custom_id": name, "error": {"message": self.errors[name]}}
        body = {"choices": [{"message": {"content": self.text.format(name)}, "finish_reason": "stop"}]}
        return {"custom_id": name, "response": {"status_code": 200, "body": body}}


class TestMachine(ProviderContract):
    @pytest.fixture(params=[Local, Live, Vllm], ids=lambda plugin: plugin.name)
    def service(self, request, monkeypatch):
        monkeypatch.setenv("BASE_URL", "http://127.0.0.1:1/v1")
        monkeypatch.setenv("VLLM_COMMAND", sys.executable)
        monkeypatch.setattr("providers.local.model.weights", lambda: Path())
        monkeypatch.setattr("providers.local.model.counter", lambda: lambda text: len(text) // 4)
        service = MachineService(request.param)
        service.tells_strangers = False  # a folder is of one run
        return service

    def test_an_unknown_word_means_still_running(self):
        """Its words are its own."""


# A client of boto3 takes longer to make than all that it does here; test_bedrock.py is the short form.
@pytest.mark.long
class TestBedrock(ProviderContract):
    # A client of boto3 takes longer to make than all that it does here.
    @pytest.fixture
    def service(self, monkeypatch, tmp_path):
        pytest.importorskip("boto3")
        with BedrockService() as server:
            server.ending = "completed"
            for name, value in server.environment(tmp_path).items():
                monkeypatch.setenv(name, value)
            yield server

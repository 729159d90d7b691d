"""The contract, over this plugin: `python -m pytest examples/batch-folder`."""

from __future__ import annotations

import json

import batch_folder
import pytest

from pipeline.provider import ENDED
from pipeline.testkit.contract import ProviderContract
from pipeline.testkit.service import Flaky, Service


class FolderService(Service):
    """The other side, as the tests of the contract want it."""

    running = ("waiting",)

    def __init__(self) -> None:
        super().__init__()
        self.polls: dict[str, int] = {}

    def provider(self):
        return Flaky(Watched(self), self)

    @property
    def invoice(self):
        jobs = sorted((batch_folder.root() / "jobs").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        return [self.names(path.stem) for path in jobs]

    def names(self, job):
        path = batch_folder.root() / "uploads" / f"{job}.jsonl"
        return [json.loads(line)["custom_id"] for line in path.open("rb")]

    def asked(self, job):
        """A poll of a job: it ends after some of them, and its answers may come later still."""
        polls = self.polls[job] = self.polls.get(job, 0) + 1
        ended = batch_folder.read(job)["state"] in ENDED
        if polls > self.polls_needed + self.late_files:
            self.answer(job)
        if not ended:
            done = self.ending if polls > self.polls_needed else "waiting"
            batch_folder.write(job, state=self.word or done, error="it broke")

    def answer(self, job):
        names = self.names(job)[: self.answered]
        rows = [self.row(name) for name in reversed(names)]
        data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        if rows:
            (batch_folder.root() / "answers" / f"{job}.jsonl").write_text(data, "utf-8")

    def row(self, name):
        if name in self.errors:
            return {"custom_id": name, "error": {"message": self.errors[name]}}
        body = {"choices": [{"message": {"content": self.text.format(name)}, "finish_reason": "stop"}]}
        return {"custom_id": name, "response": {"status_code": 200, "body": body}}


class Watched(batch_folder.Folder):
    def __init__(self, service):
        self.service = service

    def poll(self, ref):
        self.service.asked(ref["id"])
        return super().poll(ref)

    def fetch(self, ref):
        self.service.asked(ref["id"])
        return super().fetch(ref)


class TestFolder(ProviderContract):
    @pytest.fixture
    def service(self, tmp_path, monkeypatch):
        monkeypatch.setenv("FOLDER", str(tmp_path / "shared"))
        return FolderService()

"""What the services on this machine share: a job is a folder, and processes of its own work it off."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import Rejected
from pipeline.provider import Download, Found, Price, Provider, Shard, Status
from providers.job_folders.job import BLOCK, Job, idle
from providers.wire import openai_chat

FREE = Price(0.0, 0.0, 0.0, 0.0, source="this machine")


class FolderProvider(Provider):
    """Keeps a job in `<workspace>/service/<shard>/`, which is also how it is found again.

    A subclass brings the process: `go_on` is called by `start`, and by `poll` whenever none is at work.
    """

    tag, lists_all = "folder", True

    @abstractmethod
    def go_on(self, job: Job) -> None:
        """Bring a process to a job that has not ended. Harmless if there is one. Raises Rejected."""

    def what(self, shard: Shard) -> dict[str, Any]:
        """What else to write down of a job, without secrets; asked before it exists. Raises Rejected."""
        return {}

    def decode(self, line: bytes):
        return openai_chat.decode(line)

    def stage(self, shard: Shard) -> dict[str, Any]:
        return {"job": str(_folder(shard))}

    def find(self, shard: Shard, handle: Mapping[str, Any]) -> list[Found]:
        job = Job(handle["job"])
        state = (job.state or {}).get("state", "running")
        return [Found(self._ref(shard, handle), state)] if job.exists else []

    def start(self, shard: Shard, handle: Mapping[str, Any]) -> dict[str, Any]:
        job = Job(handle["job"])
        if not job.exists:
            job.create(shard=str(shard.path), requests=shard.requests, **self.what(shard))
        self.go_on(job)
        return self._ref(shard, handle)

    def poll(self, ref: Mapping[str, Any]) -> Status:
        job = existing(ref)
        if job.state is None and idle(job):
            self.go_on(job)
        state = job.state or {"state": "running", "error": None}
        warning = None if job.state else job.note or None
        return Status(state["state"], raw=state["state"], done=job.done(), error=state["error"], warning=warning)

    def fetch(self, ref: Mapping[str, Any]) -> Iterator[Download]:
        path = existing(ref).answers
        if path.exists():
            with path.open("rb") as stream:
                yield Download("output", path.stat().st_size, iter(lambda: stream.read(BLOCK), b""))

    def cancel(self, ref: Mapping[str, Any]) -> None:
        job = existing(ref)
        job.cancel()
        with job.lock() as mine:
            if mine and not job.state:
                job.trim()
                job.end("cancelled")

    def _ref(self, shard: Shard, handle: Mapping[str, Any]) -> dict[str, Any]:
        return {"id": f"{self.name}-{shard.key}", "job": handle["job"]}


def existing(ref: Mapping[str, Any]) -> Job:
    job = Job(ref["job"])
    if not job.exists:
        raise Rejected(f"{job.root} is gone, and the answers with it; restore the folder")
    return job


def _folder(shard: Shard) -> Path:
    return shard.path.parent.parent / "service" / shard.key

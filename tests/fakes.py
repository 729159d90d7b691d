"""A batch service in memory, its provider, and a crash at any step; for tests of the core alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from pipeline.errors import Ambiguous, Busy
from pipeline.provider import Download, Found, Limits, Provider, Shard, Status
from pipeline.testkit.crash import FakeTime, Killed, Steps, asking, dying_disk  # noqa: F401 (the core's tests take them here)
from providers.wire import openai_chat as chat


class Service:
    """Content-addressed uploads and a list of jobs, as Together's. `jobs` is the invoice."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits(max_requests=2, poll=(0.0, 0.0))
        self.jobs: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.step: Callable[[], None] = lambda: None
        self.faults: dict[str, list[Any]] = {}  # method -> what its next calls do
        self.ending = "completed"
        self.answer: Callable[[str], dict | None] = lambda name: _ok(name)  # None: no line for this id

    def fault(self, method: str, *kinds: Any) -> None:
        """The next calls of `method` raise these: an exception, or ("executed", exception)."""
        self.faults.setdefault(method, []).extend(kinds)

    def call(self, method: str, effect: Callable[[], Any]) -> Any:
        """One request: a process can die before it is executed, and before its answer is read."""
        self.step()
        queue = self.faults.get(method) or []
        fault = queue.pop(0) if queue else None
        if isinstance(fault, Exception):
            raise fault
        answer = effect()
        self.step()
        if fault:
            raise fault[1]
        return answer

    def paid(self) -> list[str]:
        """The custom_ids of all jobs that were not cancelled as duplicates."""
        return sorted(name for job in self.jobs if job["state"] != "cancelled" for name in job["names"])


class Fake(Provider):
    """The contract over a Service."""

    name = "fake"
    default_model = "m"

    def __init__(self, service: Service) -> None:
        self.service = service

    def limits(self, model: str) -> Limits:
        return self.service.limits

    def encode(self, request: Mapping[str, Any]) -> bytes:
        return chat.encode(request)

    def decode(self, line: bytes):
        return chat.decode(line)

    def stage(self, shard: Shard) -> dict[str, Any]:
        data = shard.path.read_bytes()
        name = hashlib.sha256(data).hexdigest()[:12]
        return self.service.call("stage", lambda: self.service.files.update({name: data}) or {"file": name})

    def find(self, shard: Shard, handle: Mapping[str, Any]) -> list[Found]:
        mine = lambda: [Found({"id": j["id"]}, j["state"], j["created"]) for j in self._of(handle)]  # noqa: E731
        return self.service.call("find", mine)

    def start(self, shard: Shard, handle: Mapping[str, Any]) -> dict[str, Any]:
        return self.service.call("start", lambda: {"id": self.create(handle["file"])})

    def poll(self, ref: Mapping[str, Any]) -> Status:
        job = self._job(ref)
        if job["state"] == "running":
            job["state"] = self.service.ending
        return self.service.call("poll", lambda: Status(job["state"], raw=job["state"], done=len(job["names"])))

    def fetch(self, ref: Mapping[str, Any]) -> Iterator[Download]:
        rows = [self.service.answer(name) for name in reversed(self._job(ref)["names"])]
        data = b"".join(orjson.dumps(row) + b"\n" for row in rows if row)
        yield self.service.call("fetch", lambda: Download("output", len(data), [data]))

    def cancel(self, ref: Mapping[str, Any]) -> None:
        self.service.call("cancel", lambda: self._job(ref).update(state="cancelled"))

    def create(self, file: str) -> str:
        """A job, as the service makes it; also what a stranger does by hand."""
        number = len(self.service.jobs) + 1
        names = [orjson.loads(line)["custom_id"] for line in self.service.files[file].splitlines()]
        job = {
            "id": f"job-{number}",
            "file": file,
            "state": "running",
            "names": names,
            "created": f"{number:04d}",
        }
        self.service.jobs.append(job)
        return job["id"]

    def _of(self, handle: Mapping[str, Any]) -> list[dict]:
        file = handle["file"]
        return [job for job in self.service.jobs if job["file"] == file]

    def _job(self, ref: Mapping[str, Any]) -> dict:
        return next(job for job in self.service.jobs if job["id"] == ref["id"])


def _ok(name: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": f"answer to {name}"}
    body = {
        "model": "m",
        "choices": [{"message": message, "finish_reason": "stop"}],
        "usage": {"total_tokens": 3},
    }
    return {"custom_id": name, "response": {"status_code": 200, "body": body}}


def error_line(name: str, message: str = "it went wrong") -> dict[str, Any]:
    return {"custom_id": name, "error": {"message": message, "code": "bad"}}


LOST = ("executed", Ambiguous("the answer was lost"))
NEVER = Ambiguous("the request was lost")
BUSY = Busy("come back later")

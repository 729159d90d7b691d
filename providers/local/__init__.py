"""A batch service on this machine: a small real model, no key, no cost.

The service keeps a job in `<workspace>/service/<shard>/`. `start` leaves the job there and a process of
its own works it off; `poll` wakes a new one if that one died.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import Rejected, Unencodable
from pipeline.hookspecs import hookimpl
from pipeline.provider import Download, Found, Limits, Provider, Shard, Status
from providers import chat
from providers.local import model
from providers.local.job import Job

CHUNK = 1 << 20  # bytes
FIELDS = {
    "model", "messages", "max_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "stop",
    "frequency_penalty", "presence_penalty", "repeat_penalty", "repeat_last_n", "logit_bias",
    "response_format", "grammar", "json_schema", "dynatemp_range", "typical_p", "mirostat",
}  # fmt: skip


class Local(Provider):
    """llama.cpp on the bundled weights, or on the GGUF file in LOCAL_MODEL."""

    name, about = "local", "a small model on this machine: no key, no cost"
    discount, tag = "nothing", "folder"

    @property
    def default_model(self) -> str:
        return model.name()

    @property
    def caveat(self) -> str:
        if model.custom():
            return f"answers of {model.name()}, run on this machine"
        return f"demo-grade answers: {model.BUNDLED} has 135 million parameters and gets facts wrong"

    def limits(self, model_name: str) -> Limits:
        return Limits(poll=(1.0, 2.0), context=model.context())

    def encode(self, request: Mapping[str, Any]) -> bytes:
        if unknown := sorted(set(request["body"]) - FIELDS):
            raise Unencodable(f"the engine does not know {', '.join(unknown)}")
        return chat.encode(request)

    def decode(self, line: bytes):
        return chat.decode(line)

    def preflight(self, model_name: str) -> None:
        model.weights()

    def stage(self, shard: Shard) -> dict[str, Any]:
        return {"job": str(_folder(shard))}

    def find(self, shard: Shard, handle: Mapping[str, Any]) -> list[Found]:
        job = Job(handle["job"])
        return [Found(_ref(shard, handle), (job.state or {}).get("state", "running"))] if job.exists else []

    def start(self, shard: Shard, handle: Mapping[str, Any]) -> dict[str, Any]:
        job = Job(handle["job"])
        if not job.exists:
            job.create(shard=str(shard.path), requests=shard.requests)
        _wake(job)
        return _ref(shard, handle)

    def poll(self, ref: Mapping[str, Any]) -> Status:
        job = _job(ref)
        state = job.state
        if state is None:
            with job.lock() as idle:
                pass
            if idle:
                _wake(job)
        state = state or {"state": "running", "error": None}
        return Status(state["state"], raw=state["state"], done=job.done(), error=state["error"])

    def fetch(self, ref: Mapping[str, Any]) -> Iterator[Download]:
        path = _job(ref).answers
        if path.exists():
            with path.open("rb") as stream:
                yield Download("output", path.stat().st_size, iter(lambda: stream.read(CHUNK), b""))

    def cancel(self, ref: Mapping[str, Any]) -> None:
        job = _job(ref)
        job.cancel()
        with job.lock() as idle:
            if idle and not job.state:
                job.trim()
                job.end("cancelled")


def _folder(shard: Shard) -> Path:
    return shard.path.parent.parent / "service" / shard.key


def _ref(shard: Shard, handle: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": f"local-{shard.key}", "job": handle["job"]}


def _job(ref: Mapping[str, Any]) -> Job:
    job = Job(ref["job"])
    if not job.exists:
        raise Rejected(f"{job.root} is gone, and the answers with it; restore the folder")
    return job


def _wake(job: Job) -> None:
    """Start a worker that outlives this process; if there is one already, the new one goes at once."""
    with (job.root / "worker.log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "providers.local.worker", str(job.root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )


@hookimpl
def batch_provider() -> Provider:
    return Local()

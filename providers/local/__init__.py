"""A batch service on this machine: a small real model, no key, no cost.

The service keeps a job in `<workspace>/service/<shard>/`. `start` leaves the job there and a process of
its own works it off; `poll` wakes a new one if that one died.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import orjson

from pipeline.errors import Rejected, Unencodable
from pipeline.hookspecs import hookimpl
from pipeline.provider import Limits, Price, Provider
from providers.job_folders.job import Job, wake
from providers.job_folders.provider import FREE, FolderProvider
from providers.local import model, worker
from providers.wire import openai_chat

FIELDS = {
    "model", "messages", "max_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "stop",
    "frequency_penalty", "presence_penalty", "repeat_penalty", "repeat_last_n", "logit_bias",
    "response_format", "grammar", "json_schema", "dynatemp_range", "typical_p", "mirostat",
}  # fmt: skip


class Local(FolderProvider):
    """llama.cpp on the bundled weights, or on the GGUF file in LOCAL_MODEL."""

    name, about = "local", "a small model on this machine: no key, no cost"
    discount, tag, own_model = "no money", "folder", True
    variables = ("LOCAL_MODEL", "LOCAL_CONTEXT")

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

    def tokens(self, text: str) -> int | None:
        try:
            return model.counter()(text)
        except Rejected:  # not installed yet, which `preflight` says
            return None

    def price(self, model_name: str) -> Price:
        return FREE

    def encode(self, request: Mapping[str, Any]) -> bytes:
        if unknown := sorted(set(request["body"]) - FIELDS):
            raise Unencodable(f"the engine does not know {', '.join(unknown)}")
        return openai_chat.encode(request)

    def preflight(self, model_name: str) -> None:
        model.weights()

    def ask(self, line: bytes, model_name: str) -> bytes:
        return orjson.dumps(worker.row(orjson.loads(line), self._chat))

    @cached_property
    def _chat(self) -> model.Chat:
        return model.load()

    def go_on(self, job: Job) -> None:
        wake(job, "providers.local.worker")


@hookimpl
def batch_provider() -> Provider:
    return Local()

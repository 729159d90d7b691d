"""Any server that answers chat completions one at a time: Ollama, LM Studio, llama-server, SGLang, a vLLM
server, or a hosted service without a batch API.

`start` leaves the job in a folder and a process of its own asks for the answers, several at once; each is
stored as it comes, and a process that follows a killed one asks for the rest.

What this cannot promise: such a server charges each call and cannot be asked what it charged. An answer that
is lost on the way, or whose process is killed before it is stored, is asked for again. A kill -9 so repeats
at most LIVE_CONCURRENCY requests, a broken connection one request, at most MOST_LOST times in all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pipeline.errors import Rejected, Unencodable
from pipeline.hookspecs import hookimpl
from pipeline.provider import Limits, Provider, Shard
from providers.job_folders.job import Job, wake
from providers.job_folders.provider import FolderProvider
from providers.live import server
from providers.wire import openai_chat
from providers.wire.http_client import AT_ONCE


class Live(FolderProvider):
    """BASE_URL, with the key in the variable that KEY_ENV names, if any."""

    name, keys, discount = "live", ("BASE_URL",), "full price"
    variables = ("BASE_URL", "KEY_ENV", "LIVE_CONCURRENCY", "LIVE_RPM")
    about = "any chat-completions URL, asked one by one: Ollama, LM Studio, llama-server, …"
    caveat = (
        "asked one by one at the price of single calls; an answer that was lost on the way, or to a kill, "
        "was asked for again"
    )

    def limits(self, model: str) -> Limits:
        return Limits(poll=(1.0, 5.0))

    def encode(self, request: Mapping[str, Any]) -> bytes:
        if request["body"].get("stream"):
            raise Unencodable("answers are stored whole; leave out stream")
        return openai_chat.encode(request)

    def preflight(self, model: str) -> None:
        server.configured().key()
        server.concurrency()
        server.rpm()

    def ask(self, line: bytes, model: str) -> bytes:
        request, http = orjson.loads(line), server.configured().http()
        answer = http.start(server.ENDPOINT, "ask", json=request["body"], timeout=AT_ONCE)
        return openai_chat.row(request["custom_id"], answer)

    def what(self, shard: Shard) -> dict[str, Any]:
        """A job stays with the server that it was started with, whatever BASE_URL says later."""
        return {"server": server.configured().written()}

    def go_on(self, job: Job) -> None:
        asked = server.written(job.read()["server"])
        asked.key()  # a key that is gone is said here, not in a log
        if asked.key_env and asked != server.configured():  # the job's folder may come from somebody else
            where = f"BASE_URL={asked.root} and KEY_ENV={asked.key_env}"
            raise Rejected(f"{job.root.name} asks with {where}; type both, if that key is to go there")
        server.concurrency()
        server.rpm()
        wake(job, "providers.live.worker")


@hookimpl
def batch_provider() -> Provider:
    return Live()

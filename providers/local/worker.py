"""The process that works a local job off: `python -m providers.local.worker FOLDER`.

Answers are stored as they come, in the order of the requests; a worker that follows a killed one goes on
behind the last of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from pipeline.errors import clean
from providers.job_folders.durable_files import append
from providers.job_folders.job import Job
from providers.local import model

MOST_TRIES = 3  # a request on which so many workers died is given up


def work(job: Job, load: Callable[[], model.Chat] = model.load) -> None:
    """Answer every request of the job that has no answer yet; returns at once if another worker does."""
    with job.lock() as mine:
        if not mine or job.state:
            return
        job.trim()
        try:
            _answer_all(job, load)
        except Exception as error:  # whatever the engine raises, the job must not hang
            job.end("failed", clean(error))


def _answer_all(job: Job, load: Callable[[], model.Chat]) -> None:
    chat = load()
    for number, request in _left(job):
        if job.cancelled:
            return job.end("cancelled")
        tries = job.tried(number)
        append(job.tries, str(number).encode())
        line = row(request, chat) if tries < MOST_TRIES else _given_up(request)
        append(job.answers, orjson.dumps(line))
    return job.end("completed")


def _left(job: Job) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and content of each line of the shard behind those that are answered."""
    done = job.done()
    with Path(job.read()["shard"]).open("rb") as stream:
        for number, line in enumerate(stream):
            if number >= done:
                yield number, orjson.loads(line)


def row(request: dict[str, Any], chat: model.Chat) -> dict[str, Any]:
    """One request's line of output."""
    answer = chat(request["body"])
    if error := answer.get("error"):
        return {"custom_id": request["custom_id"], "error": _reason(error)}
    body = {**answer, "model": label(request["body"]["model"])}
    return {"custom_id": request["custom_id"], "response": {"status_code": 200, "body": body}}


def label(name: str) -> str:
    """The model as results name it: nobody shall take the bundled one for more than it is."""
    return f"{name} (demo-grade)" if name == model.BUNDLED else name


def _reason(error: dict[str, Any]) -> dict[str, Any]:
    if error.get("type") == "exceed_context_size_error":
        has, fits = error.get("n_prompt_tokens"), error.get("n_ctx")
        message = f"the request has {has} tokens, the context of this model holds {fits}"
        return {"message": message, "code": "context_length_exceeded"}
    return {
        "message": clean(error.get("message") or error),
        "code": str(error.get("type") or error.get("code")),
    }


def _given_up(request: dict[str, Any]) -> dict[str, Any]:
    reason = {"message": f"the worker died {MOST_TRIES} times on this request", "code": "worker_died"}
    return {"custom_id": request["custom_id"], "error": reason}


if __name__ == "__main__":
    os.umask(0o077)
    work(Job(sys.argv[1]))
    # llama.cpp's own threads may outlive the interpreter's shutdown; all that matters is on disk.
    os._exit(0)

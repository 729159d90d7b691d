"""A provider for transcript-batch: jobs are handed over in a shared folder, to whoever answers them there.

FOLDER/uploads/<hash>.jsonl   the requests
FOLDER/jobs/<hash>.json       a job: there once it was started, {"state": ...}
FOLDER/answers/<hash>.jsonl   what came of it

`python -m batch_folder FOLDER` is the other side; it answers each request with its last word, and is where your
own model would be.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import orjson

from pipeline.errors import Rejected
from pipeline.hookspecs import hookimpl
from pipeline.provider import ENDED, Download, Found, Limits, Provider, Status


class Folder(Provider):
    """A job is named by the hash of its requests, so that to start it again is to find it."""

    name, about, keys = "folder", "jobs handed over in a shared folder", ("FOLDER",)
    tag, default_model = "hash", "last-word"

    # -- pure

    def limits(self, model):
        return Limits(max_requests=1000, poll=(0.1, 0.2))

    def encode(self, request):
        return orjson.dumps(dict(request), option=orjson.OPT_SORT_KEYS)

    def decode(self, line):
        from providers.wire import (
            openai_chat as chat,  # lines of the chat-completions format need no code of their own
        )

        return chat.decode(line)

    # -- safe to repeat

    def preflight(self, model):
        root()

    def stage(self, shard):
        path = root() / "uploads" / f"{shard.sha256}.jsonl"
        part = path.with_suffix(".part")
        shutil.copyfile(shard.path, part)
        part.replace(path)
        return {"upload": shard.sha256}

    def find(self, shard, handle):
        job = read(handle["upload"])
        return [Found({"id": handle["upload"]}, job["state"])] if job else []

    def poll(self, ref):
        job = read(ref["id"])
        if job is None:
            raise Rejected(f"no job {ref['id']} in {root()}; set the FOLDER that it was started in")
        word = job["state"]
        if word not in (*ENDED, "waiting"):
            return Status("running", raw=word, warning=f"unknown status {word!r}; taken as still running")
        return Status(word if word in ENDED else "running", raw=word, error=job.get("error"))

    def fetch(self, ref):
        path = root() / "answers" / f"{ref['id']}.jsonl"
        if path.exists():
            with path.open("rb") as stream:
                yield Download("output", path.stat().st_size, iter(lambda: stream.read(1 << 20), b""))

    def cancel(self, ref):
        if read(ref["id"])["state"] not in ENDED:
            write(ref["id"], state="cancelled")

    # -- the one call that may cost money

    def start(self, shard, handle):
        write(handle["upload"], state="waiting")
        return {"id": handle["upload"]}


def root() -> Path:
    """The shared folder. Raises Rejected, which says what to set."""
    if not (path := os.environ.get("FOLDER", "").strip()):
        raise Rejected("no folder: set FOLDER in the environment")
    for name in ("uploads", "jobs", "answers"):
        (Path(path) / name).mkdir(parents=True, exist_ok=True)
    return Path(path)


def read(name: str) -> dict | None:
    path = root() / "jobs" / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def write(name: str, **job) -> None:
    part = root() / "jobs" / f"{name}.part"
    part.write_text(json.dumps(job), "utf-8")
    part.replace(part.with_suffix(".json"))


def serve() -> None:
    """The other side: answer every job that waits."""
    for path in sorted((root() / "jobs").glob("*.json")):
        if json.loads(path.read_text("utf-8"))["state"] == "waiting":
            rows = map(json.loads, (root() / "uploads" / f"{path.stem}.jsonl").open("rb"))
            lines = [json.dumps(answer(row)) + "\n" for row in rows]
            (root() / "answers" / f"{path.stem}.jsonl").write_text("".join(lines), "utf-8")
            write(path.stem, state="completed")


def answer(row: dict) -> dict:
    message = {"role": "assistant", "content": row["body"]["messages"][-1]["content"].split()[-1]}
    body = {"model": row["body"]["model"], "choices": [{"message": message, "finish_reason": "stop"}]}
    return {"custom_id": row["custom_id"], "response": {"status_code": 200, "body": body}}


@hookimpl
def batch_provider():
    return Folder()


if __name__ == "__main__":
    os.environ["FOLDER"] = sys.argv[1]
    serve()

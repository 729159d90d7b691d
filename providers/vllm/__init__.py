"""vLLM's own batch runner on this machine: `vllm run-batch -i IN.jsonl -o OUT.jsonl --model M`.

What this module knows about it (vLLM 0.33, from its source; of 0.32 a run with a tiny model ended well): a line
needs `method` and `url`; all lines are checked before the model is loaded; output is written in the order of
the input and flushed as it goes, so that a run which dies leaves a part of whole lines; a request that failed
is a line of the same file with `error`. Its parts are put together here: a run that follows gets the lines that
have no answer yet.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pipeline.hookspecs import hookimpl
from pipeline.provider import Limits, Price, Provider, Shard, Status
from providers.job_folders.job import Job
from providers.job_folders.provider import FREE, FolderProvider, existing
from providers.vllm import command, process
from providers.vllm.part import Part
from providers.wire import openai_chat

LINE = {"method": "POST", "url": "/v1/chat/completions"}
MOST_TRIES = 3  # runs that died one after the other without one more answer


class Vllm(FolderProvider):
    """VLLM_COMMAND (`vllm`) with VLLM_ARGS; one run at a time in a workspace."""

    name, discount = "vllm", "no money"
    variables = ("VLLM_COMMAND", "VLLM_ARGS")
    about = "`vllm run-batch` on this machine's GPU"

    def limits(self, model: str) -> Limits:
        return Limits(poll=(2.0, 10.0))

    def price(self, model: str) -> Price:
        return FREE

    def encode(self, request: Mapping[str, Any]) -> bytes:
        return openai_chat.encode({"custom_id": request["custom_id"], **LINE, "body": request["body"]})

    def preflight(self, model: str) -> None:
        command.words()

    def what(self, shard: Shard) -> dict[str, Any]:
        command.words()
        return {"model": shard.model}

    def go_on(self, job: Job) -> None:
        """Take in what a run left, then end the job or start the next run."""
        with job.lock() as mine, job.turn() as turn:
            if not mine or job.state:
                return
            part = Part(job)
            part.take()
            if end := _end(job):
                job.end(*end)
            elif not turn:
                job.say("waits for another job of this run: one after the other is run")
            else:
                job.say("")
                process.start(job, [*command.words(), *part.words(job.read()["model"])], mine, turn)

    def poll(self, ref: Mapping[str, Any]) -> Status:
        job = existing(ref)
        if job.cancelled:
            process.end(job, signal.SIGKILL)
        status = super().poll(ref)
        return status if status.ended else replace(status, done=(status.done or 0) + Part(job).done())

    def cancel(self, ref: Mapping[str, Any]) -> None:
        """Ends the run; the next poll takes in what it wrote, and kills it if it is still there."""
        job = existing(ref)
        job.cancel()
        process.end(job, signal.SIGTERM)
        self.go_on(job)


def _end(job: Job) -> tuple[str, str | None] | None:
    """How the job ended, and why; None if there is more to do."""
    if next(job.rest(), None) is None:
        return "completed", None
    if job.cancelled:
        return "cancelled", None
    if job.tried(job.done()) >= MOST_TRIES:
        return "failed", f"vllm ended {MOST_TRIES} times without one more answer: {process.tail(job)}"
    return None


@hookimpl
def batch_provider() -> Provider:
    return Vllm()

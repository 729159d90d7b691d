"""What one run of vLLM gets and writes.

input.jsonl    the lines of the shard without an answer; the first run reads the shard itself
output.jsonl   written by vLLM; gone once its lines are among the job's answers
"""

from __future__ import annotations

import os
from pathlib import Path

from providers.job_folders.job import BLOCK, Job
from providers.wire import openai_chat


class Part:
    """The files of the run that goes on, or went on last. Each step can be repeated after a kill."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.input = job.root / "input.jsonl"
        self.output = job.root / "output.jsonl"

    def take(self) -> None:
        """Move the whole lines of the output to the answers; those that are there already are not taken again."""
        self.job.trim()
        if not self.output.exists():
            return
        done = self.job.answered()
        with self.output.open("rb", buffering=BLOCK) as source, self.job.answers.open("ab") as target:
            for line in source:
                name = openai_chat.decode(line).custom_id  # None for a line that was cut
                if name and name not in done:
                    target.write(line.rstrip(b"\n") + b"\n")
                    done.add(name)
            target.flush()
            os.fsync(target.fileno())
        self.output.unlink()

    def words(self, model: str) -> list[str]:
        """The arguments of a run on what has no answer yet."""
        source = self._rest() if self.job.done() else Path(self.job.read()["shard"])
        return ["-i", str(source.resolve()), "-o", str(self.output.resolve()), "--model", model]

    def done(self) -> int:
        """Whole lines of the output so far."""
        if not self.output.exists():
            return 0
        with self.output.open("rb") as stream:
            return sum(block.count(b"\n") for block in iter(lambda: stream.read(BLOCK), b""))

    def _rest(self) -> Path:
        with self.input.open("wb", buffering=BLOCK) as stream:
            stream.writelines(self.job.rest())
        return self.input

"""A job of a service on this machine: one folder, and the files in it.

job.json       what is to be done; there once the job exists
answers.jsonl  one line per answer, as they come
tries          one line per time a worker began a request: its line number
state.json     how it ended; there once it has
note           why it does not get on; there while it does not
cancel         somebody wants it to end
lock           held by the worker; the kernel frees it when the worker dies
../turn        held by the one job of the workspace that is worked on, where jobs take turns
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from providers.job_folders.durable_files import append, replace
from providers.wire import openai_chat

__all__ = ["BLOCK", "Job", "append", "idle", "names", "wake"]

BLOCK = 1 << 20  # bytes


class Job:
    """The folder of one job. Nothing is held in memory: every method looks at the files."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.answers = self.root / "answers.jsonl"
        self.tries = self.root / "tries"

    @property
    def exists(self) -> bool:
        return (self.root / "job.json").exists()

    def create(self, **what: Any) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.write("job.json", what)

    def read(self) -> dict[str, Any]:
        return json.loads((self.root / "job.json").read_text("utf-8"))

    @property
    def state(self) -> dict[str, Any] | None:
        """`{"state": ..., "error": ...}` once the job has ended."""
        path = self.root / "state.json"
        return json.loads(path.read_text("utf-8")) if path.exists() else None

    def end(self, state: str, error: str | None = None) -> None:
        self.write("state.json", {"state": state, "error": error})

    @property
    def cancelled(self) -> bool:
        return (self.root / "cancel").exists()

    def cancel(self) -> None:
        (self.root / "cancel").touch()

    @property
    def note(self) -> str:
        try:
            return (self.root / "note").read_text("utf-8")
        except FileNotFoundError:
            return ""

    def say(self, note: str) -> None:
        """Leave word for whoever polls; "" takes it back."""
        if note:
            return self.write("note", note)
        return (self.root / "note").unlink(missing_ok=True)

    def lock(self) -> AbstractContextManager[BinaryIO | None]:
        """Gives a stream if this process is now the only one that works on the job, else None.

        A process that inherits the stream holds the lock too.
        """
        return _held(self.root / "lock")

    def turn(self) -> AbstractContextManager[BinaryIO | None]:
        """As `lock`, for all jobs of the workspace."""
        return _held(self.root.parent / "turn")

    def done(self) -> int:
        """Whole lines of answers so far."""
        if not self.answers.exists():
            return 0
        with self.answers.open("rb") as stream:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(BLOCK), b""))

    def tried(self, line: int) -> int:
        """How often a worker began this line, and did not live to answer it."""
        return self.tries.read_text("ascii").split().count(str(line)) if self.tries.exists() else 0

    def answered(self) -> set[str]:
        """The custom_ids of all answers so far, for services whose answers come in any order."""
        return set(names(self.answers))

    def rest(self) -> Iterator[bytes]:
        """The lines of the shard that have no answer yet, one at a time."""
        done = self.answered()
        with Path(self.read()["shard"]).open("rb") as stream:
            for line in stream:
                if line.strip() and openai_chat.decode(line).custom_id not in done:
                    yield line

    def trim(self) -> None:
        """Cut a line of answers that a dying worker left half written."""
        if self.answers.exists():
            with self.answers.open("rb+") as stream:
                stream.truncate(_whole(stream))

    def write(self, name: str, value: Any) -> None:
        """Replace one of the files whole: text as it is, the rest as JSON."""
        replace(self.root / name, value if isinstance(value, str) else json.dumps(value))


def idle(job: Job) -> bool:
    """Whether no process works on the job."""
    with job.lock() as mine:
        return mine is not None


def names(path: Path) -> Iterator[str]:
    """The custom_ids in a file of lines that may not be there."""
    if path.exists():
        with path.open("rb") as stream:
            yield from filter(None, (openai_chat.decode(line).custom_id for line in stream))


def wake(job: Job, module: str) -> subprocess.Popen:
    """Start a worker that outlives this process; if there is one already, the new one goes at once."""
    with (job.root / "worker.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", module, str(job.root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )


@contextmanager
def _held(path: Path) -> Iterator[BinaryIO | None]:
    with path.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield stream


def _whole(stream: BinaryIO) -> int:
    """The length of a file up to the end of its last whole line; read from the end, whatever its size."""
    end = stream.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - BLOCK)
        stream.seek(start)
        if found := stream.read(end - start).rfind(b"\n") + 1:
            return start + found
        end = start
    return 0

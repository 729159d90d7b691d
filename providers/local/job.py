"""A job of the local service: one folder, and the files in it.

job.json       what is to be done; there once the job exists
answers.jsonl  one line per answer, as they come
tries          one line per time a worker began a request: its line number
state.json     how it ended; there once it has
cancel         somebody wants it to end
lock           held by the worker; the kernel frees it when the worker dies
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


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
        self._write("job.json", what)

    def read(self) -> dict[str, Any]:
        return json.loads((self.root / "job.json").read_text("utf-8"))

    @property
    def state(self) -> dict[str, Any] | None:
        """`{"state": ..., "error": ...}` once the job has ended."""
        path = self.root / "state.json"
        return json.loads(path.read_text("utf-8")) if path.exists() else None

    def end(self, state: str, error: str | None = None) -> None:
        self._write("state.json", {"state": state, "error": error})

    @property
    def cancelled(self) -> bool:
        return (self.root / "cancel").exists()

    def cancel(self) -> None:
        (self.root / "cancel").touch()

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Yields whether this process is now the only one that works on the job."""
        with (self.root / "lock").open("a") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def done(self) -> int:
        """Whole lines of answers so far."""
        if not self.answers.exists():
            return 0
        with self.answers.open("rb") as stream:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(1 << 20), b""))

    def tried(self, line: int) -> int:
        """How often a worker began this line, and did not live to answer it."""
        return self.tries.read_text("ascii").split().count(str(line)) if self.tries.exists() else 0

    def trim(self) -> None:
        """Cut a line of answers that a dying worker left half written."""
        if self.answers.exists():
            with self.answers.open("rb+") as stream:
                stream.truncate(stream.read().rfind(b"\n") + 1)

    def _write(self, name: str, value: Any) -> None:
        part = self.root / f".{name}.{os.getpid()}.part"
        with part.open("w", encoding="utf-8") as stream:
            json.dump(value, stream)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(self.root / name)


def append(path: Path, line: bytes) -> None:
    """Add one line, durably."""
    with path.open("ab") as stream:
        stream.write(line + b"\n")
        stream.flush()
        os.fsync(stream.fileno())

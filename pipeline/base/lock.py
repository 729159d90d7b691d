"""One command at a time in a workspace."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import UnfinishedError


@contextmanager
def lock(path: Path, who: str) -> Iterator[None]:
    """Hold `path` as a lock for this process; the kernel frees it, even after kill -9."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            holder = stream.read(80).strip() or "another command"
            raise UnfinishedError(f"{path.parent} is in use by {holder}; run this again when it is done") from None
        stream.truncate(0)
        stream.write(f"`{who}` (process {os.getpid()})")
        stream.flush()
        yield

"""Files on disk: written whole or absent, read line by line, locked."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from pipeline.errors import UnfinishedError

BUFFER = 1 << 20
MAX_LINE = 64 << 20  # bytes; a longer line is no transcript, and would be held in memory whole


# Services that split on these would cut a line in two; inside JSON they only stand in strings.
ESCAPED = {"\u2028".encode(): b"\\u2028", "\u2029".encode(): b"\\u2029", "\u0085".encode(): b"\\u0085"}


@contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """A stream to a file that appears, whole and durable, only when the block ends well."""
    part = path.with_name(f".{path.name}.part")
    try:
        with durable(part) as stream:
            yield stream
        publish(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def durable(path: Path) -> Iterator[BinaryIO]:
    """A stream to a file that is on disk when the block has ended; for one that is to be published under a name
    which is known only then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb", buffering=BUFFER) as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


def publish(part: Path, path: Path) -> None:
    """Rename a finished file to its name, and make the name itself survive a power cut."""
    os.replace(part, path)  # noqa: PTH105 (one durable primitive, easy to watch from outside)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def sha256(path: Path) -> str:
    """The hash of a file, in hex."""
    whole = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(BUFFER):
            whole.update(chunk)
    return whole.hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Replace a small JSON file whole."""
    with atomic(path) as stream:
        stream.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def append(path: Path, line: bytes) -> None:
    """Add one line durably, behind the end of what a crash may have cut off."""
    with path.open("ab+") as stream:
        stream.seek(max(stream.tell() - 1, 0))
        torn = stream.read() not in (b"", b"\n")
        stream.write((b"\n" if torn else b"") + line + b"\n")
        stream.flush()
        os.fsync(stream.fileno())


def rows(path: Path) -> Iterator[Any]:
    """The value of each line of a file that we wrote. Raises ValueError for one that is no JSON."""
    with path.open("rb", buffering=BUFFER) as stream:
        yield from map(orjson.loads, stream)


class Places:
    """Lines by the byte at which they begin; the file that was looked into last stays open."""

    def __init__(self) -> None:
        self._open: tuple[Path, BinaryIO] | None = None

    def line(self, path: Path, at: int) -> bytes:
        """The line, without its end. Raises FileNotFoundError."""
        if self._open is None or self._open[0] != path:
            self._open = path, path.open("rb")
        self._open[1].seek(at)
        return self._open[1].readline().rstrip(b"\n")


def escape(line: bytes) -> bytes:
    """A line of JSON that every reader takes for one line."""
    for raw, escaped in ESCAPED.items():
        if raw[-1:] in line and raw in line:  # one byte is looked for ten times as fast as three
            line = line.replace(raw, escaped)
    return line


def lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Line number (from 1) and bytes of each line that is not blank. Split on b"\\n" and nothing else."""
    number = 0
    while line := stream.readline(MAX_LINE):
        number += 1
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.strip():
            yield number, line.rstrip(b"\r\n")


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

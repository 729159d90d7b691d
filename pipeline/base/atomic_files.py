"""Files on disk: written whole or absent, read line by line, locked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import orjson

BUFFER = 1 << 20


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

"""Files that survive a power cut: a line that is added, a file that is replaced whole."""

from __future__ import annotations

import os
from pathlib import Path


def append(path: Path, line: bytes) -> None:
    """Add one line, durably."""
    with path.open("ab") as stream:
        first = not stream.tell()
        stream.write(line + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    if first:
        _keep_names(path.parent)


def replace(path: Path, text: str) -> None:
    """The file has this text, or the one that it had before."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with part.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
    _keep_names(path.parent)


def _keep_names(folder: Path) -> None:
    """Make new names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

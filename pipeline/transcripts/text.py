"""Plain text and Markdown: one transcript a file, sent as it stands."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import schemas
from pipeline.validate import Faults

FORMATS = {".txt": "text/plain", ".md": "text/markdown"}


def read(path: Path, stem: str, faults: Faults) -> Iterator[tuple[str, dict[str, Any]]]:
    """The file's text as one record: its id is the path without suffix, its title the file's name."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        line = raw.count(b"\n", 0, bad.start) + 1
        faults.add(f"{path}:{line}", f"not UTF-8: byte 0x{raw[bad.start]:02x} at offset {bad.start}")
        return
    record = {
        "id": stem,
        "title": path.stem,
        "text": text.replace("\r\n", "\n").replace("\r", "\n").strip(),
        "source": {
            "path": path.as_posix(),
            "format": FORMATS[path.suffix.lower()],
            "sha256": hashlib.sha256(raw).hexdigest(),
        },
    }
    if not record["text"]:
        faults.add(path, "no transcript: the file has no text")
    elif schemas.is_valid("transcript")(record):
        yield str(path), record
    else:
        for why in schemas.faults("transcript", record):
            faults.add(path, why)

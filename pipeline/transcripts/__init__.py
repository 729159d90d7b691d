"""Transcripts as people have them, read as records of schemas/transcript.schema.json.

One module a format; each is a function `read(path, id, faults)` that yields `(where, record)`.
"""

from __future__ import annotations

import glob
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import InputError, clean
from pipeline.transcripts import jsonl, text
from pipeline.validate import Faults

READERS = {".jsonl": jsonl.read, ".txt": text.read, ".md": text.read}
TAKES = ", ".join(READERS)


def paths(words: str) -> list[Path]:
    """The paths that TRANSCRIPTS names: one path, or several words, quoted and with * as in a shell."""
    if not words.strip():
        raise InputError("no input: name files or folders, `make batch TRANSCRIPTS=talks.jsonl`")
    if Path(words).exists():
        return [Path(words)]
    try:
        names = shlex.split(words)
    except ValueError as error:
        raise InputError(f"TRANSCRIPTS={words}: {error}") from None
    return [Path(match) for name in names for match in (_expand(name))]


def _expand(name: str) -> list[str]:
    if Path(name).exists():
        return [name]
    found = sorted(glob.glob(name))  # noqa: PTH207 (absolute patterns too)
    if not found:
        raise InputError(f"{name}: no such file or folder; name it in TRANSCRIPTS=")
    return found


def sources(inputs: list[Path]) -> list[tuple[Path, str]]:
    """Each file to read and the id it gives to a transcript that has none, in a stable order."""
    found = [pair for path in inputs for pair in (_folder(path) if path.is_dir() else [(path, path.stem)])]
    for path, _ in found:
        if not str(path).isascii() and str(path) != os.fsencode(path).decode("utf-8", "replace"):
            raise InputError(f"{clean(path)}: the name of this file is not UTF-8; rename it")
        if not path.is_file():
            raise InputError(f"{path}: no such file or folder; name it in TRANSCRIPTS=")
        if path.suffix.lower() not in READERS:
            raise InputError(f"{path}: no reader for {path.suffix or 'a file without a suffix'}; takes {TAKES}")
    return found


def _folder(folder: Path) -> list[tuple[Path, str]]:
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in READERS and p.is_file())
    visible = [p for p in files if not any(part.startswith(".") for part in p.relative_to(folder).parts)]
    if not visible:
        raise InputError(f"{folder}: no transcripts in this folder; it takes {TAKES}")
    return [(p, p.relative_to(folder).with_suffix("").as_posix()) for p in visible]


def read(inputs: list[Path], faults: Faults) -> Iterator[tuple[str, dict[str, Any]]]:
    """`(where, record)` of every transcript; `where` is `file:line`, or the file where it holds only one."""
    for path, stem in sources(inputs):
        yield from READERS[path.suffix.lower()](path, stem, faults)

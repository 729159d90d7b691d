"""Where runs are, for the command without make: --home, or TRANSCRIPT_BATCH_HOME, or this folder.

The command works there, as make does in its own folder; a path that is typed may be of the folder that one is in.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.errors import InputError

VARIABLE = "TRANSCRIPT_BATCH_HOME"
PATHS = ("TRANSCRIPTS", "PROMPT", "PROMPTS", "TEMPLATE", "ANSWER", "REQUESTS", "OUTPUT")
_from = [Path()]


def enter(home: str) -> None:
    """Raises InputError for a folder that is not there."""
    os.chdir(_from[0])  # that of the environment may have been entered before
    _from[:] = [Path.cwd()]
    if not Path(home).is_dir():
        raise InputError(f"{home}: no such folder; {VARIABLE} or --home says where data/runs is, or is to be")
    os.chdir(home)


def came_from() -> Path:
    """The folder that one was in."""
    return _from[0]


def of_there(values: dict[str, Any], typed: Iterable[str]) -> dict[str, Any]:
    """The values, with typed paths as they were meant: of the folder that one was in, if it has them."""
    (there,) = _from
    if there == Path():
        return values
    words = {name: _words(there, values[name]) for name in typed if name in PATHS and values.get(name)}
    if (there / (listed := values.get("ID") or "")).is_file():
        words["ID"] = str(there / listed)
    files = {"files": tuple(_path(there, path) for path in values["files"])} if values.get("files") else {}
    return {**values, **words, **files}


def _words(there: Path, text: str) -> str:
    if (there / text).exists():
        return str(_path(there, Path(text)))
    try:
        words = shlex.split(text)
    except ValueError:  # who reads it will say so
        return text
    return shlex.join(str(_path(there, Path(word))) for word in words)


def _path(there: Path, path: Path) -> Path:
    return there / path if (there / path).exists() else path

"""The stamps that tell Make whether a stage must run: variables are no prerequisites."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

from pipeline.files import atomic, lock
from pipeline.transcripts.paths import sources
from pipeline.workspace import Workspace


def settings(ws: Workspace, reading: dict[str, object], asking: dict[str, object], inputs: list[Path]) -> None:
    """Rewrite the stamps whose text changed: `inputs` for the stage `transcripts`, `settings` for `batch`.

    `reading` are the variables that decide what is read, `asking` those that decide what is asked; a value
    that is a Path stands for the file's content.
    """
    files = hashlib.sha256()  # of a million files too, the stamp is one line
    for path, name in sources(inputs):
        files.update(f"{name} {_stamp(Path(path))}\n".encode("utf-8", "surrogateescape"))
    with lock(ws.lock, "settings"):
        _write(ws.inputs, {**reading, "files": files.hexdigest()})
        _write(ws.settings, asking)


def _write(path: Path, values: dict[str, object]) -> None:
    lines = [
        f"{name} {_stamp(value) if isinstance(value, Path) else repr(value)}" for name, value in values.items()
    ]
    text = "\n".join([*lines, ""]).encode("utf-8", "surrogateescape")
    if path.exists() and path.read_bytes() == text:
        return
    with atomic(path) as stream:
        stream.write(text)


def remembered(ws: Workspace) -> str:
    """The TRANSCRIPTS of the last time, so that `make results` need not name them again; "" if there is none."""
    if not ws.inputs.exists():
        return ""
    text = ws.inputs.read_text("utf-8", "surrogateescape")
    found = [line.partition(" ")[2] for line in text.split("\n") if line.startswith("transcripts ")]
    return ast.literal_eval(found[0]) if found else ""


def _stamp(path: Path) -> str:
    try:
        stat = path.stat()
    except OSError:  # the stage that reads it says so better
        return f"{path} missing"
    return f"{path} {stat.st_size} {stat.st_mtime_ns}"

"""The stamp that tells Make whether `batch` must run: variables are no prerequisites."""

from __future__ import annotations

import ast
from pathlib import Path

from pipeline import transcripts
from pipeline.files import atomic, lock
from pipeline.workspace import Workspace


def settings(ws: Workspace, values: dict[str, object], inputs: list[Path], texts: list[str]) -> bool:
    """Rewrite the stamp if a variable, the list of inputs or a file changed; says whether it did."""
    lines = [f"{name} {value!r}" for name, value in values.items()]
    lines += [_stamp(path) for path, _ in transcripts.sources(inputs)]
    lines += [_stamp(Path(path)) for path in texts if path]
    text = "\n".join([*lines, ""]).encode("utf-8", "surrogateescape")
    with lock(ws.lock, "settings"):
        if ws.settings.exists() and ws.settings.read_bytes() == text:
            return False
        with atomic(ws.settings) as stream:
            stream.write(text)
    return True


def remembered(ws: Workspace) -> str:
    """The TRANSCRIPTS of the last time, so that `make results` need not name them again; "" if there is none."""
    if not ws.settings.exists():
        return ""
    text = ws.settings.read_text("utf-8", "surrogateescape")
    found = [line.partition(" ")[2] for line in text.split("\n") if line.startswith("transcripts ")]
    return ast.literal_eval(found[0]) if found else ""


def _stamp(path: Path) -> str:
    try:
        stat = path.stat()
    except OSError:  # the stage that reads it says so better
        return f"{path} missing"
    return f"{path} {stat.st_size} {stat.st_mtime_ns}"

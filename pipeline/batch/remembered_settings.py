"""The stamps that tell Make whether a stage must run: variables are no prerequisites."""

from __future__ import annotations

import ast
import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.base.atomic_files import atomic
from pipeline.base.lock import lock
from pipeline.base.workspace import Workspace
from pipeline.provider import Provider
from pipeline.transcripts.find_files import sources


def settings(ws: Workspace, reading: Reading, asking: dict[str, object] | None, inputs: list[Path] | None) -> None:
    """Rewrite the stamps whose text changed: `inputs` for the stage `transcripts`, `settings` for `batch`.

    `asking` are the variables that decide what is asked; a Path among the values stands for the file's content.
    What is None leaves its stamp as it is.
    """
    files = listing(inputs or [])
    with lock(ws.lock, "settings"):
        if inputs is not None:
            _write(ws.inputs, {**vars(reading), "files": files})
        if asking is not None:
            _write(ws.settings, asking)


def listing(inputs: list[Path]) -> str:
    """A hash of the names, sizes and ages of all files: of a million too, the stamp is one line."""
    files = hashlib.sha256()
    for path, name in sources(inputs):
        files.update(f"{name} {_stamp(Path(path))}\n".encode("utf-8", "surrogateescape"))
    return files.hexdigest()


def code(plugin: Provider) -> str:
    """A hash of the code that makes requests: other code makes the batch anew, and keeps what was sent."""
    import inspect

    own = Path(__file__).parent.parent.parent
    paths = [*sorted((own / "pipeline").rglob("*.py")), *sorted((own / "providers").rglob("*.py"))]
    whole = hashlib.sha256()
    for path in [*paths, inspect.getfile(type(plugin))]:
        whole.update(Path(path).read_bytes())
    return whole.hexdigest()


def _write(path: Path, values: dict[str, object]) -> None:
    lines = [f"{name} {_written(value)}" for name, value in values.items()]
    text = "\n".join([*lines, ""]).encode("utf-8", "surrogateescape")
    if path.exists() and path.read_bytes() == text:
        return
    with atomic(path) as stream:
        stream.write(text)


def _written(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_written, value))
    return _stamp(value) if isinstance(value, Path) else repr(value)


@dataclass(frozen=True)
class Reading:
    """Which files are transcripts, and how they are read: TRANSCRIPTS, ENCODING and ERRORS; "" is not given."""

    transcripts: str = ""
    encoding: str = ""
    errors: str = ""

    def recalled(self, ws: Workspace) -> Reading:
        """With what is not given as it was the last time, so that `make submit` reads what `make batch` read.

        Other TRANSCRIPTS begin anew.
        """
        last = _last(ws)
        if self.transcripts not in ("", last.transcripts):
            return self
        given = {name: value for name, value in vars(self).items() if value}
        return replace(last, **given)


def _last(ws: Workspace) -> Reading:
    return Reading(**{name: value for name, value in stamped(ws.inputs).items() if name in Reading.__annotations__})


def stamped(path: Path) -> dict[str, Any]:
    """The values in a stamp, but for those that stand for files."""
    if not path.exists():
        return {}
    values = {}
    for line in path.read_text("utf-8", "surrogateescape").split("\n"):
        name, _, value = line.partition(" ")
        with suppress(ValueError, SyntaxError):
            values[name] = ast.literal_eval(value)
    return values


def _stamp(path: Path) -> str:
    try:
        stat = path.stat()
    except OSError:  # the stage that reads it says so better
        return f"{path} missing"
    return f"{path} {stat.st_size} {stat.st_mtime_ns}"

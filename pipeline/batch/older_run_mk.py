"""run.mk of older releases, which Make included: read once, as data, and never run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import schemas
from pipeline.errors import InputError, clean
from pipeline.variables import unknown

LINE = re.compile(r"\s*(?:export\s+|override\s+)*([^\s:?=+]+)\s*(?:::?|\?)?=\s*(.*?)\s*(?:\s#.*)?")


def old_values(path: Path) -> dict[str, Any]:
    """The variables that it sets, with their types. Raises InputError with file and line."""
    return dict(_values(path)) if path.exists() else {}


def _values(path: Path) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(path.read_text("utf-8", "replace").split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = LINE.fullmatch(line)
        if not found or "$" in line:
            raise InputError(f"{path}:{number}: only `NAME = value` is read here, not {clean(line, 60)!r}")
        name, value = found[1], found[2]
        if why := next(unknown("", [name]), ""):
            raise InputError(f"{path}:{number}: {why}")
        if value and name != "PROVIDER":
            yield name, _typed(path, number, name, value)


def _typed(path: Path, number: int, name: str, text: str) -> Any:
    """A text as its variable has it."""
    row = schemas.schema("variables")["properties"].get(name, {})
    value = _read_as(row, text)
    if why := next(schemas.faults("variables", {name: value}) if row else iter(()), ""):
        raise InputError(f"{path}:{number}: {why.removeprefix('$.')}")
    return value


def _read_as(row: dict[str, Any], text: str) -> Any:
    """A text under the type of a row of the table; as it is where it is none."""
    kind = row.get("type")
    if kind == "boolean":
        return {"1": True, "0": False}.get(text, text)
    try:
        return {"integer": int, "number": float}.get(kind, str)(text)
    except ValueError:
        return text

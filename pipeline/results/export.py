"""results.jsonl as a table: results.csv, a line for each result, and a column for each field of its answer."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import orjson

from pipeline.base.atomic_files import atomic
from pipeline.base.faults import Faults
from pipeline.base.records import records
from pipeline.base.workspace import Workspace
from pipeline.errors import IncompleteError

PLAIN = ("id", "prompt", "outcome", "text", "title", "show", "published", "model", "finish_reason", "cost", "error",
         "reasoning", "custom_id", "job")  # fmt: skip
DEEP = ("answer", "metadata")  # whose fields have columns of their own: `answer.topics`
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


def export(ws: Workspace) -> int:
    """Write results.csv; returns how many lines it has. Raises IncompleteError where there are no results yet."""
    if not ws.results.exists():
        raise IncompleteError(f"{ws.results}: no results yet; run `make results`")
    columns = {name: None for row in _rows(ws) for name in row if name not in PLAIN}
    count = 0
    with atomic(ws.table) as stream:
        stream.write(b"\xef\xbb\xbf")  # by which a spreadsheet knows UTF-8
        out = csv.DictWriter(SimpleNamespace(write=lambda text: stream.write(text.encode())), [*PLAIN, *columns])
        out.writeheader()
        for row in _rows(ws):
            out.writerow({name: _cell(value) for name, value in row.items()})
            count += 1
    return count


def _rows(ws: Workspace) -> Iterator[dict[str, Any]]:
    faults = Faults()
    for _, row in records(ws.results, "result", faults):
        flat = {name: row[name] for name in PLAIN} | {"error": (row["error"] or {}).get("message")}
        for name in DEEP:
            flat |= _flat(name, row[name])
        yield flat
    faults.check("run `make results` again")


def _flat(name: str, value: Any) -> dict[str, Any]:
    """The fields of an object under dotted names; anything else but null under its own."""
    if isinstance(value, dict):
        return {key: one for field, inner in value.items() for key, one in _flat(f"{name}.{field}", inner).items()}
    return {} if value is None else {name: value}


def _cell(value: Any) -> Any:
    """A list as JSON; a text that a spreadsheet would take for a formula behind an apostrophe."""
    if isinstance(value, list):
        return orjson.dumps(value).decode()
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value

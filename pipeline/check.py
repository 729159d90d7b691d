"""The command `validate`: every fault of the input at once."""

from __future__ import annotations

from pathlib import Path

from pipeline import transcripts
from pipeline.validate import Faults, records


def check(paths: list[Path], kind: str) -> int:
    """The number of records, all valid, with ids that are there once. Raises InputError with every fault."""
    faults, seen = Faults(), {}
    for where, record in _read(paths, kind, faults):
        name = record["custom_id" if kind != "transcript" else "id"]
        if name in seen:
            faults.add(where, f"$.id: {name!r} is also the id at {seen[name]}")
        seen.setdefault(name, where)
    faults.check("mend the input and run `make validate` again")
    return len(seen)


def _read(paths: list[Path], kind: str, faults: Faults):
    if kind == "transcript":
        yield from transcripts.read(paths, faults)
        return
    for path in paths:
        for number, record in records(path, kind, faults):
            yield f"{path}:{number}", record

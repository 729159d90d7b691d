"""results.jsonl for people: each answer under its title."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from pipeline.base.faults import Faults
from pipeline.base.humanize import many
from pipeline.base.records import records
from pipeline.base.workspace import Workspace
from pipeline.errors import IncompleteError, clean


def show(ws: Workspace, width: int = 100) -> Iterator[str]:
    """The lines to print, one block a result."""
    if not ws.results.exists():
        raise IncompleteError(f"{ws.results}: no results yet; run `make results`")
    faults, unsent = Faults(), 0
    for _, row in records(ws.results, "result", faults):
        if row["outcome"] == "unsent":
            unsent += 1
            continue
        yield ""
        prompt = f", {row['prompt']}" if "." in row["custom_id"] else ""
        yield clean(f"{row['title'] or row['id']}  [{row['model'] or row['outcome']}{prompt}]", width)
        answer = row["text"] if row["outcome"] == "ok" else f"{row['outcome']}: {row['error']['message']}"
        for paragraph in answer.strip().split("\n"):
            yield from textwrap.wrap(
                clean(paragraph, 10_000), width - 2, initial_indent="  ", subsequent_indent="  "
            )
    if unsent:
        yield f"\n{many(unsent, 'request')} without an answer to what the batch asks; `make status` says why"
    faults.check("run `make results` again")

"""What stands beside the requests of a batch: a row for each, of its transcript and what it was made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import orjson

from pipeline.base.atomic_files import BUFFER
from pipeline.base.faults import Faults
from pipeline.base.records import records
from pipeline.base.workspace import Workspace
from pipeline.batch import custom_id
from pipeline.batch.made_from import made
from pipeline.batch.saved_prompts import Prompts
from pipeline.errors import DamagedError

CARRIED = ("title", "show", "published", "metadata")  # what results take over from the transcript
ASKED = ("episode", "language", "duration", "speakers")  # what a request that combines answers may need besides

Carried = dict[str, Any]  # a row of index.jsonl


def indexed(ws: Workspace) -> Iterator[tuple[dict[str, Any], Carried]]:
    """Each request of the batch, and what its result carries over from the transcript."""
    faults = Faults()
    advice = "run `make -B batch`"
    if not ws.index.exists():
        raise DamagedError(f"{ws.index} is missing; {advice}")
    with ws.index.open("rb", buffering=BUFFER) as index:
        for _, request in records(ws.batch, "request", faults):
            carried = row_of(index.readline())
            if carried.get("custom_id") != request["custom_id"]:
                raise DamagedError(f"{ws.index} does not belong to {ws.batch}; {advice}")
            yield request, carried
    faults.check(advice)


def row_of(line: bytes) -> Carried:
    """A row of the index; {} for what is none."""
    try:
        row = orjson.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}


def combining(request: Mapping[str, Any], prompts: Prompts) -> dict[str, Any]:
    """The row of a request that combines answers to parts, which is in no index."""
    name, prompt = request["custom_id"], prompts.of(request["custom_id"])
    about = {"custom_id": name, "whole": custom_id.whole(name), "prompt": prompt.name or None, "part": None}
    return {**about, "span": request.get("span"), "made": asdict(made(prompt, source=request["combines"]))}

"""How many results there are of each outcome."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson

from pipeline.base.atomic_files import BUFFER
from pipeline.base.humanize import many
from pipeline.base.workspace import Workspace


def outcomes(ws: Workspace) -> Counter[str]:
    """How many lines of results.jsonl have each outcome."""
    with ws.results.open("rb", buffering=BUFFER) as stream:
        return Counter(orjson.loads(line)["outcome"] for line in stream)


def requests(ws: Workspace) -> int:
    """How many the batch has."""
    if not ws.batch.exists():
        return 0
    with ws.batch.open("rb", buffering=BUFFER) as stream:
        return sum(1 for _ in stream)


def unsent(ws: Workspace) -> int:
    """How many requests the last submit left: after a sample, or with a full queue."""
    return _submitted(ws).get("unsent", 0)


def changed(ws: Workspace) -> int:
    """How many of those were sent with another body."""
    return _submitted(ws).get("changed", 0)


def _submitted(ws: Workspace) -> dict[str, Any]:
    return orjson.loads(ws.submitted.read_bytes()) if ws.submitted.exists() else {}


def total(counts: Counter[str]) -> str:
    """`298 requests: 290 ok, 8 error`."""
    parts = ", ".join(f"{counts[name]:,} {name}" for name in OUTCOMES if counts[name])
    return f"{many(rows(counts), 'request')}: {parts}"


def rows(counts: Counter[str]) -> int:
    """How many requests there are; "cut" and "refused" are counted beside their outcomes."""
    return sum(counts[name] for name in OUTCOMES)


OUTCOMES = ("ok", "error", "expired", "cancelled", "invalid", "missing", "unsent")

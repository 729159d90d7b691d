"""The stage `results`: exactly one line per transcript and prompt, in batch order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import groupby
from typing import Any

import orjson

import schemas
from pipeline.base.files import BUFFER, atomic
from pipeline.base.records import Faults, records
from pipeline.base.workspace import Workspace
from pipeline.batch.saved_prompts import load
from pipeline.errors import DamagedError
from pipeline.jobs.ledger import Ledger
from pipeline.money.cost import Tariff
from pipeline.provider import Provider
from pipeline.results.combine_parts import Combiner
from pipeline.results.find_answers import Answers
from pipeline.results.row import Rows, refused

Carried = dict[str, Any]  # a row of index.jsonl


def merge(
    ws: Workspace, ledger: Ledger, provider: Provider, tariff: Tariff, say: Callable[[str], None]
) -> Counter[str]:
    """Write results.jsonl, and round.jsonl with the requests that combine answers to parts.

    Returns how many results had each outcome; how many answers were "cut" and results "refused"; and how many
    requests of the round are "combining", that is not sent yet, for how many results that are "waiting". Raises
    IncompleteError for a request that no shard holds, unless submitted.json says that some were not sent. Memory: a
    few words per request.
    """
    unsent = bool(orjson.loads(ws.submitted.read_bytes()).get("unsent")) if ws.submitted.exists() else False
    prompts, counts = load(ws), Counter[str]()
    with ExitStack() as stack:
        out, round = stack.enter_context(atomic(ws.results)), stack.enter_context(atomic(ws.round))
        rows = Rows(provider, tariff, Answers(ledger, provider, say, stack), prompts, unsent)
        combiner = Combiner(rows, round, ledger)
        for _, group in groupby(indexed(ws), key=lambda pair: pair[1]["whole"]):
            row = combiner.row(list(group))
            _count(counts, row)
            if not schemas.is_valid("result")(row):
                raise DamagedError(f"{ws.results}: {next(schemas.faults('result', row))}")
            out.write(orjson.dumps(row) + b"\n")
    counts["combining"], counts["waiting"] = combiner.unsent, combiner.waiting
    return counts


def _count(counts: Counter[str], row: dict[str, Any]) -> None:
    counts[row["outcome"]] += 1
    counts["cut"] += sum(
        one["outcome"] == "ok" and one["finish_reason"] == "length" for one in (row, *(row["parts"] or ()))
    )
    counts["refused"] += refused(row)


def indexed(ws: Workspace) -> Iterator[tuple[dict[str, Any], Carried]]:
    """Each request of the batch, and what its result carries over from the transcript."""
    faults = Faults()
    advice = "run `make -B batch`"
    if not ws.index.exists():
        raise DamagedError(f"{ws.index} is missing; {advice}")
    with ws.index.open("rb", buffering=BUFFER) as index:
        for _, request in records(ws.batch, "request", faults):
            carried = _row(index.readline())
            if carried.get("custom_id") != request["custom_id"]:
                raise DamagedError(f"{ws.index} does not belong to {ws.batch}; {advice}")
            yield request, carried
    faults.check(advice)


def _row(line: bytes) -> Carried:
    """A row of the index; {} for what is none."""
    try:
        row = orjson.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}

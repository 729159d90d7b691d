"""The stage `results`: exactly one line per transcript and prompt, in batch order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson

import schemas
from pipeline.base.atomic_files import atomic
from pipeline.base.workspace import Workspace
from pipeline.batch.request_index import indexed
from pipeline.batch.request_line import identity
from pipeline.batch.saved_prompts import load
from pipeline.errors import DamagedError
from pipeline.jobs.count_outcomes import unsent
from pipeline.jobs.ledger import Ledger
from pipeline.money.tariff import Tariff
from pipeline.provider import Provider
from pipeline.results.combine_parts import Combiner
from pipeline.results.find_answers import Answers
from pipeline.results.result_row import Rows, refused
from pipeline.results.round_file import seal


def merge(
    ws: Workspace, ledger: Ledger, provider: Provider, tariff: Tariff, say: Callable[[str], None]
) -> Counter[str]:
    """Write results.jsonl, and round.jsonl with the requests that combine answers to parts.

    Returns how many results had each outcome; how many answers were "cut" and results "refused"; and how many
    requests of the round are "combining", that is not sent yet, for how many results that are "waiting". Raises
    IncompleteError for a request that no shard holds, unless submitted.json says that some were not sent. Memory: a
    few words per request.
    """
    prompts, counts = load(ws), Counter[str]()
    with ExitStack() as stack:
        out, round = stack.enter_context(atomic(ws.results)), stack.enter_context(atomic(ws.round))
        rows = Rows(
            provider, tariff, Answers(ledger, provider, say, stack), prompts, unsent(ws) > 0, _doubted(ledger)
        )
        combiner = Combiner(rows, round, ledger)
        for _, group in groupby(indexed(ws), key=lambda pair: pair[1]["whole"]):
            row = combiner.row(list(group))
            _count(counts, row)
            if not schemas.is_valid("result")(row):
                raise DamagedError(f"{ws.results}: {next(schemas.faults('result', row))}")
            out.write(orjson.dumps(row) + b"\n")
        round.flush()
        seal(ws, Path(round.name))
    counts["combining"], counts["waiting"] = combiner.unsent, combiner.waiting
    return counts


def _doubted(ledger: Ledger) -> frozenset[bytes]:
    lost = [receipt for receipt in ledger if receipt.in_doubt]
    return frozenset(identity(line) for receipt in lost for line in ledger.lines(receipt))


def _count(counts: Counter[str], row: dict[str, Any]) -> None:
    counts[row["outcome"]] += 1
    counts["cut"] += sum(
        one["outcome"] == "ok" and one["finish_reason"] == "length" for one in (row, *(row["parts"] or ()))
    )
    counts["refused"] += refused(row)

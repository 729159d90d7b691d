"""The stage `results`: exactly one line per request of the batch, in batch order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import orjson

import schemas
from pipeline import shards
from pipeline.answers import Answers
from pipeline.cost import Tariff, cost, used
from pipeline.errors import DamagedError, IncompleteError, clean
from pipeline.files import BUFFER, atomic
from pipeline.ledger import Ledger, Receipt
from pipeline.provider import Price, Provider, Result
from pipeline.validate import Faults, records
from pipeline.workspace import Workspace

# What became of a request that has no line in the output of a job that ended so.
UNANSWERED = {
    "completed": ("missing", "the job completed without a line for this request"),
    "failed": ("error", "the job failed"),
    "expired": ("expired", "the job expired before this request was answered"),
    "cancelled": ("cancelled", "the job was cancelled before this request was answered"),
    "unsent": ("unsent", "not sent yet: `make submit` sends it"),
}


def merge(
    ws: Workspace, ledger: Ledger, provider: Provider, tariff: Tariff, say: Callable[[str], None]
) -> Counter[str]:
    """Write results.jsonl; returns how many requests had each outcome, and how many were "cut" or "refused".

    Raises IncompleteError for a request that no shard holds, unless submitted.json says that some were not sent.
    Memory: a few words per request.
    """
    unsent = orjson.loads(ws.submitted.read_bytes()).get("unsent") if ws.submitted.exists() else 0
    counts: Counter[str] = Counter()
    with atomic(ws.results) as out, ExitStack() as stack:
        answers = Answers(ledger, provider, say, stack)
        for request, carried in indexed(ws):
            model = request["body"]["model"]
            found = answers.find(shards.encode(provider, request), model)
            if not (found or unsent):
                raise IncompleteError("requests of the batch were never submitted; run `make submit` to send them")
            row = _row(carried, *(found or (None, None)), provider, tariff.price(model))
            counts[row["outcome"]] += 1
            counts["cut"] += row["outcome"] == "ok" and row["finish_reason"] == "length"
            counts["refused"] += _refused(row)
            if not schemas.is_valid("result")(row):
                raise DamagedError(f"{ws.results}: {next(schemas.faults('result', row))}")
            out.write(orjson.dumps(row))
            out.write(b"\n")
    return counts


def indexed(ws: Workspace) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each request of the batch, and what its result carries over from the transcript."""
    faults = Faults()
    advice = "run `make -B batch`"
    if not ws.index.exists():
        raise DamagedError(f"{ws.index} is missing; {advice}")
    with ws.index.open("rb", buffering=BUFFER) as index:
        for _, request in records(ws.batch, "request", faults):
            carried = orjson.loads(index.readline() or b"{}")
            if carried.get("custom_id") != request["custom_id"]:
                raise DamagedError(f"{ws.index} does not belong to {ws.batch}; {advice}")
            yield request, carried
    faults.check(advice)


def _row(
    carried: dict[str, Any], receipt: Receipt | None, result: Result | None, provider: Provider, price: Price
) -> dict[str, Any]:
    if result is None:
        outcome, why = UNANSWERED[receipt.state if receipt else "unsent"]
        reason = f"{why}: {receipt.error}" if receipt and receipt.error else why
        result = Result(None, False, error={"message": clean(reason), "code": None})
    else:
        outcome = "ok" if result.ok else result.outcome
    shared = result.custom_id not in (None, carried["custom_id"])
    return {
        "id": carried["id"],
        "custom_id": carried["custom_id"],
        "outcome": outcome,
        "text": result.text,
        "answer": result.answer,
        "reasoning": result.reasoning,
        "error": result.error,
        "finish_reason": result.finish_reason,
        "model": result.model,
        "usage": result.usage,
        "cost": 0.0 if shared or not receipt else _cost(result, provider, price),
        "sent_as": result.custom_id if shared else None,
        "provider": provider.name,
        "job": receipt.ref["id"] if receipt and receipt.ref else None,
        "title": carried["title"],
        "show": carried["show"],
        "published": carried["published"],
        "metadata": carried["metadata"],
    }


def _refused(row: dict[str, Any]) -> bool:
    """Whether the model, or a filter behind it, would not answer."""
    return row["finish_reason"] == "content_filter" or (row["error"] or {}).get("code") == "refusal"


def _cost(result: Result, provider: Provider, price: Price) -> float | None:
    if tokens := used(result.usage):
        paid = cost(price, *tokens, longest=tokens[0])
        return None if paid is None else round(paid, 9)  # a thousandth of the smallest price of a token
    return None if result.ok or provider.bills_failed is not False else 0.0

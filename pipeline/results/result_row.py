"""A row of results.jsonl: what became of one request, under the transcript that it is of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.batch.request_index import CARRIED
from pipeline.batch.request_kind import Kind
from pipeline.batch.request_line import identity
from pipeline.batch.saved_prompts import Prompts
from pipeline.batch.whole_requests import named_by
from pipeline.errors import IncompleteError, clean
from pipeline.jobs.receipt import Receipt
from pipeline.money.cost import billed, cost, used
from pipeline.money.tariff import Tariff
from pipeline.provider import Price, Provider, Result
from pipeline.results.find_answers import Answers

# What became of a request that has no line in the output of a job that ended so.
UNANSWERED = {
    "completed": ("missing", "the job completed without a line for this request"),
    "failed": ("error", "the job failed"),
    "expired": ("expired", "the job expired before this request was answered"),
    "cancelled": ("cancelled", "the job was cancelled before this request was answered"),
    "doubted": ("unsent", "a start of it had no answer, and may be paid: `make submit` looks for its job"),
    "unsent": ("unsent", "not sent as the batch has it: `make plan` says what `make submit` sends"),
}


@dataclass(frozen=True)
class Rows:
    """Makes rows. `unsent`: some requests of the batch may have no job. `doubted`: identities of lines of which a
    start had no answer."""

    provider: Provider
    tariff: Tariff
    answers: Answers
    prompts: Prompts
    unsent: bool
    doubted: frozenset[bytes] = frozenset()

    def content(self, request: dict[str, Any], carried: Mapping[str, Any]) -> bytes:
        """What a request asks: its line without the id."""
        return self.provider.content(self.answers.line(request, carried)[0])

    def row(self, request: dict[str, Any], carried: Mapping[str, Any], later: bool = False) -> dict[str, Any]:
        """The row of one request, which may have no job if it is of a `later` round.

        Raises IncompleteError for one that was never sent.
        """
        name = request["custom_id"]
        line, model = self.answers.line(request, {} if later else carried)
        found = self.answers.find(line, Kind(model, self.prompts.of(name).name))
        if not (found or self.unsent or later):
            raise IncompleteError("requests of the batch were never submitted; run `make submit` to send them")
        receipt, result = found or (None, None)
        outcome = "unsent"
        doubted = receipt is None and identity(line) in self.doubted
        if result is None:
            outcome, result = _unanswered(receipt, "doubted" if doubted else "unsent")
        else:
            outcome = "ok" if result.ok else result.outcome
        alike = result.custom_id if result.custom_id not in (None, self.provider.custom_id(line)) else None
        sent_as = request.get("sent", {}).get("as", alike)
        return {
            "id": carried["id"],
            "custom_id": named_by(carried, name),
            "prompt": carried["prompt"],
            "outcome": outcome,
            "text": result.text,
            "answer": result.answer,
            "reasoning": result.reasoning,
            "error": result.error,
            "finish_reason": result.finish_reason,
            "model": result.model,
            "usage": result.usage,
            "cost": None
            if doubted
            else 0.0
            if sent_as or not receipt
            else _cost(result, self.provider, self.tariff.price(model)),
            "sent_as": sent_as,
            "parts": None,
            "provider": self.provider.name,
            "job": receipt.ref["id"] if receipt and receipt.ref else None,
            **({"unproved": True} if receipt and receipt.unproved else {}),
            **{field: carried[field] for field in CARRIED},
        }


def _unanswered(receipt: Receipt | None, without: str) -> tuple[str, Result]:
    outcome, why = UNANSWERED[receipt.state if receipt else without]
    reason = f"{why}: {receipt.error}" if receipt and receipt.error else why
    return outcome, Result(None, False, error={"message": clean(reason), "code": None})


def refused(row: Mapping[str, Any]) -> bool:
    """Whether the model, or a filter behind it, would not answer."""
    return row["finish_reason"] == "content_filter" or (row["error"] or {}).get("code") == "refusal"


def _cost(result: Result, provider: Provider, price: Price) -> float | None:
    if tokens := used(result.usage):
        if price.bound:
            return None
        paid = cost(price, billed(result.usage, price), tokens[1], longest=tokens[0])
        return None if paid is None else round(paid, 9)  # a thousandth of the smallest price of a token
    return None if result.ok or provider.bills_failed is not False else 0.0

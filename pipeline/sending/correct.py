"""Requests without an answer, to be sent under another body: RETRY=1 with another MODEL, MAX_TOKENS or EXTRA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.base.faults import Faults
from pipeline.batch.context_window import size
from pipeline.batch.fit_window import Window
from pipeline.batch.prompt import Prompt
from pipeline.batch.request_index import row_of
from pipeline.errors import InputError
from pipeline.jobs.ledger import Ledger
from pipeline.provider import Provider
from pipeline.sending.checked_requests import Sendable, checked, where


@dataclass(frozen=True)
class Correction:
    """The fields of a body that are to be others, the `words` by which a person said so; and CONTEXT, if said."""

    body: Mapping[str, Any]
    words: str
    context: int | None = None

    def prompt(self, provider: Provider, prompt: Prompt) -> Prompt:
        """The prompt as later rounds will ask it."""
        model, most = self.body.get("model", prompt.model), self.body.get("max_tokens", prompt.max_tokens)
        window = prompt.window if model == prompt.model else size(provider, model, self.context)
        return replace(prompt, model=model, max_tokens=most, window=window or prompt.window)


def corrected(ledger: Ledger, provider: Provider, one: Sendable, how: Correction, faults: Faults) -> Sendable:
    """The request as it is to be sent; what cannot be sent so is a fault."""
    place = where(ledger.ws, one.place)
    try:
        request = ledger.corrections.plan(one.plain or one.request, row_of(one.row), how.body)
    except InputError as error:
        faults.add(place, f"$.custom_id {one.request['custom_id']!r}: {error}")
        return one
    if request["body"] == one.request["body"]:
        return one
    body = request["body"]
    line, why = checked(ledger, provider, request, provider.limits(body["model"]))
    room = size(provider, body["model"], how.context)
    if not why and room and not Window(provider, body["model"], room).takes(body, surely=False):
        why = f"it does not fit beside an answer of {body['max_tokens']:,} tokens: {body['model']} takes {room:,}"
    if why:
        faults.add(place, f"$.custom_id {request['custom_id']!r}: with {how.words} {why}")
    return one._replace(request=request, line=line, original=one.original or one.line)

"""Pending requests as shards: counted, cut to what the service takes, and written before the first is started."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import tee
from math import ceil
from typing import Any

from pipeline import room, shards
from pipeline.cost import Calibration, upper
from pipeline.errors import InputError
from pipeline.ledger import Ledger, Receipt, identity
from pipeline.pool import cores
from pipeline.provider import Limits, Provider
from pipeline.shards import NONE, Counted
from pipeline.survey import Key, Survey, requests
from pipeline.tokens import count, tokenizer
from pipeline.validate import Faults
from pipeline.workspace import Workspace


def cut(
    ledger: Ledger, provider: Provider, found: Survey, there: set[bytes], of: Key, bounds: room.Bounds
) -> list[Receipt]:
    """Write shards, each of one model, for what is pending and in none yet: all before the first is started."""
    todo = by_model(found.pending, found.pending.keys() - there)
    limits = {
        model: shards.level(bounds.limits(provider, model), len(keys), provider.name)
        for model, keys in todo.items()
    }
    planned = []
    for model, keys in todo.items():
        lines = (_fitting(one, limits[model], provider) for one in counted(ledger.ws, provider, model, keys, of))
        planned.extend(shards.write(ledger, provider.name, lines, limits[model], model))
    return planned


def by_model(pending: Mapping[bytes, str], keys: Iterable[bytes]) -> dict[str, set[bytes]]:
    """The keys of what is pending, by the model that is asked; models in the order of the batch."""
    there, models = set(keys), defaultdict(set)
    for asked, model in pending.items():
        if asked in there:
            models[model].add(asked)
    return models


def described(ledger: Ledger, provider: Provider, receipt: Receipt) -> Receipt:
    """The receipt with its model and tokens, from the batch: one that is older, or was lost, lacks them."""
    lines = {identity(line) for line in ledger.lines(receipt)}
    asked = [r for _, r, line in requests(ledger.ws, provider, Faults()) if identity(line) in lines]
    models = {request["body"]["model"] for request in asked}
    if len(models) != 1:  # it is not wanted any more
        return receipt
    tokens, model = NONE, models.pop()
    for request, prompt in zip(asked, count((request["body"] for request in asked), model, cores()), strict=True):
        tokens = shards.tally(tokens, prompt, request["body"]["max_tokens"])
    return ledger.save(receipt, model=model, tokens=tokens)


def _fitting(one: Counted, limits: Limits, provider: Provider) -> Counted:
    most = limits.max_enqueued_tokens
    if most and one.most > most:
        name = provider.custom_id(one.line)
        raise InputError(f"{name} has up to {one.most:,} tokens, and the queue takes {most:,}; nothing was sent")
    return one


def counted(ws: Workspace, provider: Provider, model: str, todo: set[bytes], of: Key) -> Iterator[Counted]:
    """The line of each request to send, with its tokens; of several that ask the same, the first."""
    ones, others = tee(_first(ws, provider, model, set(todo), of))
    counts = count((body for body, _ in ones), model, cores())
    margin = tokenizer(model).margin
    for (body, line), tokens in zip(others, counts, strict=True):
        yield Counted(line, tokens, body["max_tokens"], ceil(upper(tokens, margin, Calibration())))


def _first(
    ws: Workspace, provider: Provider, model: str, left: set[bytes], of: Key
) -> Iterator[tuple[dict[str, Any], bytes]]:
    for _, request, line in requests(ws, provider, Faults()):
        if request["body"]["model"] == model and (asked := of(line, model)) in left:
            left.remove(asked)
            yield request["body"], line

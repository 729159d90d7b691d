"""Pending requests as shards: counted, cut to what the service takes, and written before the first is started."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import tee
from math import ceil
from typing import Any

import orjson

from pipeline.base.processes import cores
from pipeline.base.records import Faults
from pipeline.batch.saved_prompts import Prompts, load
from pipeline.errors import InputError
from pipeline.jobs import keep_as_sent, shards
from pipeline.jobs.ledger import Kind, Ledger, Receipt, identity
from pipeline.jobs.shards import NONE, Counted
from pipeline.money.cost import Calibration, upper
from pipeline.money.tokens import count, tokenizer
from pipeline.provider import Limits, Provider
from pipeline.sending import budget
from pipeline.sending.pending import Key, Survey, requests


def cut(
    ledger: Ledger, provider: Provider, found: Survey, there: set[bytes], of: Key, bounds: budget.Bounds
) -> list[Receipt]:
    """Write shards, each of one kind, for what is pending and in none yet: all before the first is started."""
    todo = by_kind(found.pending, found.pending.keys() - there)
    limits = {
        kind: shards.level(bounds.limits(provider, kind.model), len(keys), provider.name)
        for kind, keys in todo.items()
    }
    planned = []
    for kind, keys in todo.items():
        lines = (_fitting(one, limits[kind], provider) for one in counted(ledger, provider, kind.model, keys, of))
        planned.extend(shards.write(ledger, provider.name, lines, limits[kind], kind))
    return planned


def by_kind(pending: Mapping[bytes, Kind], keys: Iterable[bytes]) -> dict[Kind, set[bytes]]:
    """The keys of what is pending, by model and prompt, in the order of the batch."""
    there, kinds = set(keys), defaultdict(set)
    for asked, kind in pending.items():
        if asked in there:
            kinds[kind].add(asked)
    return kinds


def described(ledger: Ledger, provider: Provider, receipt: Receipt) -> Receipt:
    """The receipt with its kind and tokens, from the batch: one that is older, or was lost, lacks them."""
    lines = {identity(line) for line in ledger.lines(receipt)}
    pairs = [(r, line) for _, r, line, _ in requests(ledger, provider, Faults()) if identity(line) in lines]
    asked = [request for request, _ in pairs]
    prompts = load(ledger.ws)
    kinds = {Kind(request["body"]["model"], prompts.of(request["custom_id"]).name) for request in asked}
    if len(kinds) != 1:  # it is not wanted any more
        return receipt
    tokens, (model, prompt_name) = NONE, kinds.pop()
    counts = count((request["body"] for request in asked), model, cores())
    for (request, line), prompt in zip(pairs, counts, strict=True):
        tokens = shards.tally(tokens, line, prompt, request["body"]["max_tokens"])
    return ledger.save(receipt, model=model, prompt=prompt_name, tokens=tokens)


def _fitting(one: Counted, limits: Limits, provider: Provider) -> Counted:
    most = limits.max_enqueued_tokens
    if most and one.most > most:
        name = provider.custom_id(one.line)
        raise InputError(f"{name} has up to {one.most:,} tokens, and the queue takes {most:,}; nothing was sent")
    return one


def counted(ledger: Ledger, provider: Provider, model: str, todo: set[bytes], of: Key) -> Iterator[Counted]:
    """The line of each request to send, with its tokens; of several that ask the same, the first."""
    ones, others = tee(_first(ledger, provider, model, set(todo), of))
    counts = count((request["body"] for request, _, _ in ones), model, cores())
    margin, prompts = tokenizer(model).margin, load(ledger.ws)
    for (request, line, row), tokens in zip(others, counts, strict=True):
        most, made = ceil(upper(tokens, margin, Calibration())), _made(request, row, prompts)
        yield Counted(line, tokens, request["body"]["max_tokens"], most, made)


def _first(
    ledger: Ledger, provider: Provider, model: str, left: set[bytes], of: Key
) -> Iterator[tuple[dict[str, Any], bytes, bytes]]:
    for _, request, line, row in requests(ledger, provider, Faults()):
        if request["body"]["model"] == model and (asked := of(line, model)) in left:
            left.remove(asked)
            yield request, line, row


def _made(request: Mapping[str, Any], row: bytes, prompts: Prompts) -> dict[str, Any]:
    """What a request was made from: as its row of the index says (an older one does not: {}), or its prompt, if it
    combines answers."""
    if row:
        carried = orjson.loads(row)
        return carried if "made" in carried else {}
    return keep_as_sent.combining(request, prompts) if "combines" in request else {}

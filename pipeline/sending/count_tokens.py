"""The tokens of requests that are to be sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import tee
from math import ceil
from typing import Any

from pipeline.base.faults import Faults
from pipeline.base.processes import cores
from pipeline.batch.request_index import combining, row_of
from pipeline.batch.request_kind import Kind
from pipeline.batch.request_line import identity
from pipeline.batch.saved_prompts import Prompts, load
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.sent_rows import SentRows
from pipeline.jobs.token_counts import NONE, Counted, tally
from pipeline.money.estimate import Calibration, upper
from pipeline.money.tokens import count, tokenizer
from pipeline.provider import Provider
from pipeline.sending.checked_requests import at, sendable


def counted(ledger: Ledger, provider: Provider, model: str, places: Iterable[int]) -> Iterator[Counted]:
    """The lines of the requests at these places, all of one model, with their tokens."""
    ones, others = tee(at(ledger, provider, places))
    counts = count((request["body"] for request, _, _ in ones), model, cores())
    margin, prompts = tokenizer(model).margin, load(ledger.ws)
    for (request, line, row), tokens in zip(others, counts, strict=True):
        most, made = ceil(upper(tokens, margin, Calibration())), _made(request, row, prompts)
        yield Counted(line, tokens, request["body"]["max_tokens"], most, made)


def described(ledger: Ledger, provider: Provider, receipt: Receipt) -> Receipt:
    """The receipt with its kind and tokens, from the batch: one that is older, or was lost, lacks them."""
    lines = {identity(line) for line in ledger.lines(receipt)}
    every = sendable(ledger, provider, Faults(), SentRows(ledger, provider))
    mine = [one for one in every if identity(one.line) in lines]
    prompts = load(ledger.ws)
    kinds = {Kind(one.request["body"]["model"], prompts.of(one.request["custom_id"]).name) for one in mine}
    if len(kinds) != 1:  # it is not wanted any more
        return receipt
    tokens, (model, prompt_name) = NONE, kinds.pop()
    counts = count((one.request["body"] for one in mine), model, cores())
    for one, prompt in zip(mine, counts, strict=True):
        tokens = tally(tokens, one.line, prompt, one.request["body"]["max_tokens"])
    return ledger.save(receipt, model=model, prompt=prompt_name, tokens=tokens)


def _made(request: Mapping[str, Any], row: bytes, prompts: Prompts) -> dict[str, Any]:
    """What a request was made from: as its row of the index says (an older one does not: {}), or its prompt, if it
    combines answers."""
    if carried := row_of(row):
        return carried if "made" in carried else {}
    return combining(request, prompts) if "combines" in request else {}

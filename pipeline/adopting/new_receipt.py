"""The receipt of a job that was started elsewhere, with the requests of the batch that it holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import orjson

from pipeline.adopting.wanted_requests import Match
from pipeline.base.humanize import many
from pipeline.batch.request_kind import Kind
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.shards import written
from pipeline.jobs.start_context import Starter
from pipeline.sending.count_tokens import counted

NAMED = 3  # custom_ids that a message names


def shard(starter: Starter, match: Match, places: list[int], kind: Kind) -> Receipt:
    """The requests at these places as a shard, each under the id that the job has for it."""
    ledger, provider = starter.ledger, starter.provider
    ones = counted(ledger, provider, kind.model, places)
    lines = zip(ones, sorted(places), strict=True)
    return written(
        ledger,
        provider.name,
        (one._replace(line=_named(starter, one.line, match.names[at])) for one, at in lines),
        kind,
    )


def _named(starter: Starter, line: bytes, name: str) -> bytes:
    if starter.provider.custom_id(line) == name:
        return line
    return orjson.dumps({**orjson.loads(line), starter.provider.id_field: name})


def save(starter: Starter, receipt: Receipt, match: Match, ref: dict[str, Any], **news: Any) -> None:
    """The shard has a job from here on."""
    now = starter.provider.account() if "output" not in news else None
    ref = {**ref, "requests": match.lines}
    saved = starter.ledger.save(receipt, ref=ref, account=asdict(now) if now else None, **news)
    for text in _said(saved, match):
        starter.say(text)


def _said(receipt: Receipt, match: Match) -> Iterator[str]:
    name = receipt.ref["id"]
    yield f"{receipt.shard}: took over {name}: {many(receipt.requests, 'request')} of this batch"
    if match.other:
        yield f"{name}: {_some(match.other)} asked something else there, and is not taken"
    if more := match.lines - len(match.names) - len(match.other):
        yield f"{name}: {many(more, 'request')} more there, of which this batch knows nothing or has an answer"


def nothing(name: str, match: Match) -> str:
    other = f"; {_some(match.other)} asked something else there" if match.other else ""
    return f"{name}: none of its {many(match.lines, 'request')} is one of this batch without a job{other}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")

"""Pending requests as shards: cut to what the service takes, and written before the first is started."""

from __future__ import annotations

from pipeline.errors import InputError
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.shard_size import level
from pipeline.jobs.shards import write
from pipeline.jobs.token_counts import Counted
from pipeline.provider import Limits, Provider
from pipeline.sending.count_tokens import counted
from pipeline.sending.pending import Pending
from pipeline.sending.submit_options import Bounds


def cut(ledger: Ledger, provider: Provider, found: Pending, there: set[bytes], bounds: Bounds) -> list[Receipt]:
    """Write shards, each of one kind, for what is pending and is not `there`: all before the first is started."""
    todo = found.by_kind(found.places.keys() - there)
    limits = {
        kind: level(bounds.limits(provider, kind.model), len(places), provider.name)
        for kind, places in todo.items()
    }
    planned = []
    for kind, places in todo.items():
        lines = (_fitting(one, limits[kind], provider) for one in counted(ledger, provider, kind.model, places))
        planned.extend(write(ledger, provider.name, lines, limits[kind], kind))
    return planned


def _fitting(one: Counted, limits: Limits, provider: Provider) -> Counted:
    most = limits.max_enqueued_tokens
    if most and one.most > most:
        name = provider.custom_id(one.line)
        raise InputError(f"{name} has up to {one.most:,} tokens, and the queue takes {most:,}; nothing is sent")
    return one

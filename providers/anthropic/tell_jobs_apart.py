"""Whether a job that the service has is a shard's: told by the ids in its results, once it has ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any

import orjson

from pipeline.errors import Busy, clean
from pipeline.provider import Found, Shard
from providers.anthropic.job import BATCHES, ref_of, time_of, total_of
from providers.wire import openai_chat
from providers.wire.check_answer import unreadable
from providers.wire.http_client import Http, Missing


def told(http: Http, job: Any, shard: Shard, since: datetime) -> Found | None:
    """The entry of a list if it may be this shard's job: certainly, by its ids, once it has ended.

    It is not if it is older than `since`, or has another number of requests.
    """
    try:
        ref_of(job)
    except Busy:
        return unreadable(job)
    time, total = time_of(job), total_of(job)
    if (time and time < since) or (total and total != shard.requests):
        return None
    created = clean(job.get("created_at") or "", 40)
    if job.get("processing_status") != "ended":
        return Found(ref_of(job), "running", created, exact=False)
    try:
        seen = _ids(http, ref_of(job))
        if (first := next(seen, None)) is None:  # it has no answers to tell it by
            return Found(ref_of(job), "completed", created, exact=False)
        wanted = _wanted(shard)
        return Found(ref_of(job), "completed", created) if all(n in wanted for n in chain([first], seen)) else None
    except Missing:  # archived: its answers are gone
        return Found(ref_of(job), "completed", created, exact=False)


def _ids(http: Http, ref: Mapping[str, Any]) -> Iterator[Any]:
    """The ids in the results of a job, as on the wire."""
    rest = b""
    with http.open("download", f"{BATCHES}/{ref['id']}/results") as chunks:
        for chunk in chain(chunks, [b"\n"]):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (openai_chat.read(line).get("custom_id") for line in lines if line)


def _wanted(shard: Shard) -> set[str]:
    with shard.path.open("rb") as stream:
        return {orjson.loads(line)["custom_id"] for line in stream}

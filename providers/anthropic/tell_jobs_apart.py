"""Whether a job that the service has is a shard's: told by the ids in its results, once it has ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import orjson

from pipeline.errors import clean
from pipeline.provider import Found, Shard
from providers.anthropic.job import BATCHES, ref_of
from providers.wire import openai_chat
from providers.wire.http_client import Http, Missing


def told(http: Http, job: dict, shard: Shard) -> Found | None:
    """The job if it may be this shard's: certainly, by its ids, once it has ended."""
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

"""Jobs of the account that this run does not know, and what they were started with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from pipeline.base.lines import MAX_LINE
from pipeline.batch.request_line import identity
from pipeline.errors import Busy, Unlisted
from pipeline.jobs.start_context import Starter
from pipeline.provider import Found, Provider

LIVING = ("completed", "running")
ROUTE = ("method", "url")  # what some services want beside the body, and others do without


def unknown(starter: Starter) -> list[Found]:
    """Those that did not fail: what has answers first, then what runs, then the rest; the newest first in each."""
    known = starter.ledger.job_ids()
    try:
        jobs = list(starter.provider.jobs())
    except Unlisted:
        return []
    there = [job for job in jobs if job.ref["id"] not in known and job.state != "failed"]
    newest = sorted(there, key=lambda job: (job.created, job.ref["id"]), reverse=True)
    return sorted(newest, key=lambda job: LIVING.index(job.state) if job.state in LIVING else len(LIVING))


def started_with(provider: Provider, ref: dict[str, Any]) -> Iterator[bytes] | None:
    """The lines that a job was started with; None where the service does not give them back."""
    chunks = (file.chunks for file in provider.lines(ref))
    first = next((one for one in chunks if one is not None), None)
    return None if first is None else _lines(first, chunks)


def _lines(first: Iterable[bytes], others: Iterator[Iterable[bytes] | None]) -> Iterator[bytes]:
    yield from split(first)
    for chunks in others:
        yield from split(chunks or ())


def split(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a file that comes in pieces."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_LINE:
            raise Busy("what a job was started with is no file of lines")
        yield from (line for line in whole if line.strip())
    if rest.strip():
        yield rest


def content(provider: Provider, line: bytes) -> bytes:
    """What a line asks, however it is written and whatever its id. Raises ValueError, TypeError or AttributeError
    for one that is no request."""
    whole = orjson.loads(line)
    rest = {key: value for key, value in whole.items() if key not in (provider.id_field, *ROUTE)}
    return identity(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS))

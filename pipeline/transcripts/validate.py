"""The command `validate`: every fault of the input, as it is found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import orjson

from pipeline.base.duplicate_ids import Ids
from pipeline.base.faults import Faults
from pipeline.base.humanize import many
from pipeline.base.records import records
from pipeline.errors import InputError
from pipeline.transcripts import whole_request
from pipeline.transcripts.ingest import Seen, outcomes

REQUESTS = "whole request"


def check(paths: list[Path], kind: str, encoding: str = "", workers: int = 1) -> Iterator[str]:
    """Yields each fault as `where: why`, and at the end `12 transcripts, all valid`.

    Raises InputError with the count if there was a fault.
    """
    faults = Faults(every=True)
    told = kind in ("transcript", REQUESTS)
    count = 0
    for fresh in _transcripts(paths, faults, encoding, workers) if told else _records(paths, kind, faults):
        yield from faults.shown
        faults.shown.clear()
        count += fresh
    yield from faults.shown
    if faults.count:
        raise InputError(f"{many(faults.count, 'fault')}; mend the input and type the same again")
    yield f"{many(count, kind)}, all valid"


def kind_of(paths: list[Path], kind: str) -> str:
    """`transcript`, or `request` for a file of those as a person made them."""
    first = next((path for path in paths if path.suffix in (".jsonl", ".ndjson") and path.is_file()), None)
    if kind != "transcript" or first is None:
        return kind
    with first.open("rb") as stream:
        return REQUESTS if any(map(_is_request, islice(stream, 1))) else kind


def _is_request(line: bytes) -> bool:
    try:
        return whole_request.matches(orjson.loads(line))
    except ValueError:
        return False


def _transcripts(paths: list[Path], faults: Faults, encoding: str, workers: int) -> Iterator[int]:
    seen = Seen()
    for outcome in outcomes(paths, encoding, workers, Counter()):
        why = outcome.faults + seen.clash(outcome)
        for reason in why:
            faults.add(outcome.where, reason)
        yield 0 if why else 1


def _records(paths: list[Path], kind: str, faults: Faults) -> Iterator[int]:
    seen = Ids()
    for path in paths:
        for number, record in records(path, kind, faults):
            name, where = record["custom_id"], f"{path}:{number}"
            if before := seen.first(name, where):
                faults.add(where, f"$.custom_id: {name!r} is also the id at {before}")
            yield 1

"""Answers without their job: fetched by hand, or of a job that does not say what it was asked."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.adopting.foreign import Foreign, read
from pipeline.adopting.new_receipt import nothing, save, shard
from pipeline.adopting.wanted_requests import Match, Wanted
from pipeline.base.atomic_files import atomic, durable, sha256
from pipeline.errors import InputError, UnfinishedError
from pipeline.jobs.other_jobs import split
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.start_context import Starter
from pipeline.provider import Found


def by_ids(starter: Starter, wanted: Wanted, job: Found, foreign: Foreign) -> int:
    """A job of which only the ids of its answers say what it was asked."""
    name, provider = job.ref["id"], starter.provider
    if not foreign.by_ids:
        raise InputError(
            f"{provider.name} does not give back what job {name} was started with: REQUESTS= and the file that was "
            "uploaded prove it; YES=1 is your word that its ids are of this batch, and the rows say `unproved`"
        )
    if job.state == "running":
        raise UnfinishedError(
            f"job {name} runs, and the ids in its answers say what it holds: run this again later"
        )
    answers = starter.ledger.ws.outputs / ".adopted"
    try:
        with durable(answers) as stream:
            for file in provider.fetch(job.ref):
                stream.writelines(line + b"\n" for line in split(file.chunks or ()))
        return _rows(starter, wanted, [answers], _answered(starter, wanted, [answers]), job, unproved=True)
    finally:
        answers.unlink(missing_ok=True)


def fetched(starter: Starter, wanted: Wanted, foreign: Foreign) -> int:
    """Files of answers that were fetched by hand."""
    whole = hashlib.sha256(b"".join(sha256(path).encode() for path in foreign.output)).hexdigest()
    job = Found({"id": f"by-hand-{whole[:12]}"}, "completed")
    proved = wanted.of_lines(read(foreign.requests)) if foreign.requests else None
    match = proved or _answered(starter, wanted, foreign.output)
    return _rows(starter, wanted, foreign.output, match, job, unproved=not proved)


def _answered(starter: Starter, wanted: Wanted, paths: Iterable[Path]) -> Match:
    names = (starter.provider.decode(line).custom_id for line in read(paths))
    return wanted.of_names(name for name in names if name)


def _rows(
    starter: Starter, wanted: Wanted, paths: Iterable[Path], match: Match, job: Found, *, unproved: bool
) -> int:
    """A receipt for each kind of request, with its rows of the answers. Returns how many requests."""
    if not match.names:
        raise InputError(f"{nothing(job.ref['id'], match)}; nothing is taken over")
    kinds = defaultdict(list)
    for place in match.names:
        kinds[wanted.kinds[place]].append(place)
    for kind, places in kinds.items():
        receipt = shard(starter, match, places, kind)
        output = _stored(starter, receipt, paths, {match.names[place] for place in places})
        ended = {"state": job.state, "ended": starter.clock.now(), "output": output}
        save(starter, receipt, match, job.ref, unproved=unproved, **ended)
    return wanted.without(match)


def _stored(starter: Starter, receipt: Receipt, paths: Iterable[Path], names: set[str]) -> dict[str, Any]:
    """The rows of these ids, as they came, as the output of the shard."""
    path, decode = starter.ledger.output(receipt), starter.provider.decode
    with atomic(path) as stream:
        stream.writelines(line + b"\n" for line in read(paths) if decode(line).custom_id in names)
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}

"""What a batch holds, set against what the ledger paid for.

pending = requests of batch.jsonl and round.jsonl - requests in shards that were started
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from io import BytesIO
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

from pipeline.base.files import BUFFER
from pipeline.base.records import Faults, parse
from pipeline.base.workspace import Workspace
from pipeline.batch.custom_id import transcript
from pipeline.batch.saved_prompts import load
from pipeline.errors import InputError, Unencodable
from pipeline.jobs import shards
from pipeline.jobs.already_sent import Sent, sent
from pipeline.jobs.ledger import Kind, Ledger, Receipt, identity
from pipeline.provider import Limits, Provider
from pipeline.results.find_answers import asking

NAMED = 3  # custom_ids that a message names

Key = Callable[[bytes, str], bytes]  # of a line and its model: requests with one key are sent once
Where = tuple[Path, int]  # file and line


@dataclass
class Survey:
    """What is to be sent.

    `pending` are the kinds of the requests that no job has, by key; `changed` the custom_ids of those among them
    that were sent with another body, and `combining` the keys of those that combine answers which came.
    `shared` are pairs of custom_ids: a request that is answered by another one's, and that one ("" if it was sent
    before). `unsent` counts requests outside of the sample, `sampled` are the stems of the transcripts in it.
    """

    total: int = 0
    pending: dict[bytes, Kind] = field(default_factory=dict)
    combining: set[bytes] = field(default_factory=set)
    changed: dict[bytes, str] = field(default_factory=dict)
    shared: int = 0
    twins: list[tuple[str, str]] = field(default_factory=list)
    unsent: int = 0
    sampled: set[str] | None = None
    model: str = ""


def key(provider: Provider, each: bool) -> Key:
    """What tells requests apart: all of a line, custom_id and all, if `each` is to be sent; else what it asks."""
    return (lambda line, model: identity(line)) if each else partial(asking, provider)


def survey(
    ledger: Ledger,
    provider: Provider,
    *,
    retry: bool = False,
    until: int | None = None,
    each: bool = False,
    sample: int = 0,
) -> Survey:
    """Read the batch once: check every line, and tell what is pending and what was sent differently.

    With `retry`, what failed in shards below the number `until` is pending too; with `sample`, only what is in the
    sample. Raises InputError with all that cannot be sent.
    """
    of, found = key(provider, each), Survey()
    before = sent(ledger, provider, retry, until)
    candidates: list[tuple[str, bytes]] = []  # that replace what was sent
    groups: dict[str, list[tuple[int, bytes]]] = defaultdict(list)  # by transcript
    firsts: dict[bytes, str] = {}  # custom_ids of pending requests that may be named
    for path, name, kind, line in _checked(ledger, provider):
        found.total += 1
        found.model = found.model or kind.model
        if sample:
            groups[transcript(name)].append((len(line), of(line, kind.model)))
        if before.has(line, name):
            continue
        asked, later = of(line, kind.model), path == ledger.ws.round
        if later:
            found.combining.add(asked)
        if before.otherwise(line, name, provider.custom_id(line), later):
            candidates.append((name, asked))
        _add(found, firsts, asked, name, kind)
    if not each and found.pending:
        _share(found, ledger, provider, before, of)
    if sample:
        _sample(found, groups, sample)
    found.changed = {asked: name for name, asked in candidates if asked in found.pending}
    found.combining &= found.pending.keys()
    return found


def _add(found: Survey, firsts: dict[bytes, str], asked: bytes, name: str, kind: Kind) -> None:
    if asked not in found.pending:
        found.pending[asked] = kind
        if len(firsts) < 100_000:  # names are for people: a few are enough
            firsts[asked] = name
        return
    found.shared += 1
    if len(found.twins) < NAMED:
        found.twins.append((name, firsts.get(asked, "")))


def _share(found: Survey, ledger: Ledger, provider: Provider, before: Sent, of: Key) -> None:
    """What a request of another custom_id was sent for is paid already."""
    for receipt in ledger:
        if not receipt.unstarted:
            for line in ledger.lines(receipt):
                if identity(line) in before.lines and found.pending.pop(of(line, receipt.model), None):
                    found.shared += 1
                    if len(found.twins) < NAMED:
                        found.twins.append(("", provider.custom_id(line)))


def _sample(found: Survey, groups: dict[str, list[tuple[int, bytes]]], sample: int) -> None:
    """Keep what is missing for a sample of so many transcripts: those of which something was sent count first, then
    all lengths are taken in turn. Each has all its requests.

    The same batch has the same sample, and a larger one holds a smaller one.
    """
    sizes = sorted(
        (sum(size for size, _ in group), tuple(asked for _, asked in group)) for group in groups.values()
    )
    several = list(dict.fromkeys(keys for _, keys in sizes))
    begun = {keys for keys in several if not found.pending.keys() >= set(keys)}
    fresh = (several[at] for at in spread(len(several)) if several[at] not in begun)
    chosen = set(chain(*begun, *islice(fresh, max(sample - len(begun), 0))))
    found.sampled = {name for name, group in groups.items() if all(asked in chosen for _, asked in group)}
    found.unsent = sum(asked not in chosen for asked in found.pending)
    found.pending = {asked: kind for asked, kind in found.pending.items() if asked in chosen}


def spread(total: int) -> Iterator[int]:
    """All numbers below `total`, from the middle out: half, quarters, eighths, … (van der Corput's sequence)."""
    seen: set[int] = set()
    for step in count(1):
        if len(seen) == total:
            return
        at = int(int(f"{step:b}"[::-1], 2) / (1 << step.bit_length()) * total)
        if at not in seen:
            seen.add(at)
            yield at


def _checked(ledger: Ledger, provider: Provider) -> Iterator[tuple[Path, str, Kind, bytes]]:
    """File, custom_id, kind and line of each request. Raises InputError for all faults at the end."""
    faults, seen, ws = Faults(), {}, ledger.ws
    prompts = load(ws)
    for where, request, line, _ in requests(ledger, provider, faults):
        name = request["custom_id"]
        if name in seen:
            faults.add(_place(where), f"$.custom_id: {name!r} is also on line {seen[name]}")
        seen[name] = where[1]
        yield where[0], name, _kind(request["body"]["model"], prompts.of(name).name), line
    faults.check("nothing was sent; mend the transcripts and run `make batch` again")
    if not seen:
        raise InputError(f"{ws.batch} holds no requests; run `make batch`")


@cache
def _kind(model: str, prompt: str) -> Kind:
    return Kind(model, prompt)  # one for all requests of the kind


def requests(ledger: Ledger, provider: Provider, faults: Faults) -> Iterator[tuple[Where, Any, bytes, bytes]]:
    """Place, request, line and row of the index of each request of the batch, and of the round that combines its
    answers, which has no index.

    What cannot be sent is a fault; what was sent can be.
    """
    limits: dict[str, Limits] = {}
    if not ledger.ws.batch.exists():
        raise InputError(f"{ledger.ws.batch}: no such file; run `make batch`")
    for path, number, request, row in _records(ledger.ws, faults):
        model = request["body"]["model"]
        if model not in limits:
            limits[model] = provider.limits(model)
        try:
            line = shards.line(ledger, provider, request)
            why = None if "sent" in request else shards.fits(line, limits[model])
        except Unencodable as error:
            why = f"{provider.name} cannot send this: {error}"
        if why:
            faults.add(_place((path, number)), f"$.custom_id {request['custom_id']!r}: {why}")
        else:
            yield (path, number), request, line, row


def _records(ws: Workspace, faults: Faults) -> Iterator[tuple[Path, int, Any, bytes]]:
    with ws.index.open("rb", buffering=BUFFER) if ws.index.exists() else BytesIO() as index:
        rows = enumerate(index, 1)
        for path in filter(Path.exists, (ws.batch, ws.round)):
            with path.open("rb", buffering=BUFFER) as stream:
                for number, request in parse(stream, path, "request", faults):
                    yield path, number, request, _beside(rows, number) if path == ws.batch else b""


def _beside(rows: Iterator[tuple[int, bytes]], number: int) -> bytes:
    """The row of the index on that line; numbers grow from call to call."""
    return next((row for at, row in rows if at == number), b"")


def _place(where: Where) -> str:
    return f"{where[0]}:{where[1]}"


def approved(
    ledger: Ledger, provider: Provider, found: Survey, *, retry: bool, each: bool, sample: int
) -> list[Receipt]:
    """Unstarted shards of which all is still to be sent: they go on, and what they hold is pending in `found`.

    What one holds that is no new request (another try, or another body) RETRY or REPLACE had it cut for.
    """
    unstarted = [receipt for receipt in ledger if receipt.unstarted and receipt.tokens]
    if not unstarted:
        return []
    again = found if retry else survey(ledger, provider, retry=True, each=each, sample=sample)
    of, kept = key(provider, each), []
    for receipt in unstarted:
        keys = held(ledger, [receipt], of)
        if keys <= again.pending.keys():
            kept.append(receipt)
            found.pending |= {asked: again.pending[asked] for asked in keys}
            found.changed = {asked: name for asked, name in found.changed.items() if asked not in keys}
    return kept


def held(ledger: Ledger, kept: Iterable[Receipt], of: Key) -> set[bytes]:
    """Keys of what unstarted shards hold."""
    return {of(line, receipt.model) for receipt in kept for line in ledger.lines(receipt)}

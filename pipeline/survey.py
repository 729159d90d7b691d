"""What a batch holds, set against what the ledger paid for.

pending = requests of batch.jsonl - requests in shards that were started
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from sys import intern
from typing import Any

from pipeline import shards
from pipeline.answers import answered, asking, reader
from pipeline.errors import InputError, Unencodable
from pipeline.files import BUFFER
from pipeline.ledger import Ledger, Receipt, identity
from pipeline.provider import Limits, Provider
from pipeline.validate import Faults, parse
from pipeline.workspace import Workspace

NAMED = 3  # custom_ids that a message names

Key = Callable[[bytes, str], bytes]  # of a line and its model: requests with one key are sent once


@dataclass
class Survey:
    """What is to be sent.

    `pending` are the models of the requests that no job has, by key; `changed` the custom_ids of those among them
    that were sent with another body.
    `shared` are pairs of custom_ids: a request that is answered by another one's, and that one ("" if it was sent
    before). `unsent` counts requests outside of the sample.
    """

    total: int = 0
    pending: dict[bytes, str] = field(default_factory=dict)
    changed: dict[bytes, str] = field(default_factory=dict)
    shared: int = 0
    twins: list[tuple[str, str]] = field(default_factory=list)
    unsent: int = 0
    model: str = ""


def key(provider: Provider, each: bool) -> Key:
    """What tells requests apart: all of a line, custom_id and all, if `each` is to be sent; else what it asks."""
    return (lambda line, model: identity(line)) if each else partial(asking, provider)


def survey(
    ledger: Ledger, provider: Provider, *, retry: bool = False, each: bool = False, sample: int = 0
) -> Survey:
    """Read the batch once: check every line, and tell what is pending and what was sent differently.

    With `sample`, only what is in the sample is pending. Raises InputError with all that cannot be sent.
    """
    of, found = key(provider, each), Survey()
    sent, names, tried = _sent(ledger, provider, retry)
    candidates: list[tuple[str, bytes]] = []  # whose custom_id was sent
    sizes: list[tuple[int, bytes]] = []
    firsts: dict[bytes, str] = {}  # custom_ids of pending requests that may be named
    for name, model, line in _checked(ledger.ws, provider):
        found.total += 1
        found.model = found.model or model
        if sample:
            sizes.append((len(line), of(line, model)))
        if identity(line) in sent:
            continue
        asked = of(line, model)
        if provider.custom_id(line) in names and identity(line) not in tried:
            candidates.append((name, asked))
        _add(found, firsts, asked, name, intern(model))
    if not each and found.pending:
        _share(found, ledger, provider, sent, of)
    if sample:
        _sample(found, sizes, sample)
    found.changed = {asked: name for name, asked in candidates if asked in found.pending}
    return found


def _add(found: Survey, firsts: dict[bytes, str], asked: bytes, name: str, model: str) -> None:
    if asked not in found.pending:
        found.pending[asked] = model
        if len(firsts) < 100_000:  # names are for people: a few are enough
            firsts[asked] = name
        return
    found.shared += 1
    if len(found.twins) < NAMED:
        found.twins.append((name, firsts.get(asked, "")))


def _share(found: Survey, ledger: Ledger, provider: Provider, sent: set[bytes], of: Key) -> None:
    """What a request of another custom_id was sent for is paid already."""
    for receipt in ledger:
        if not receipt.unstarted:
            for line in ledger.lines(receipt):
                if identity(line) in sent and found.pending.pop(of(line, receipt.model), None):
                    found.shared += 1
                    if len(found.twins) < NAMED:
                        found.twins.append(("", provider.custom_id(line)))


def _sample(found: Survey, sizes: list[tuple[int, bytes]], sample: int) -> None:
    """Keep what is missing for a sample of so many: what was sent counts first, then all lengths are taken in turn.

    The same batch has the same sample, and a larger one holds a smaller one.
    """
    keys = list(dict.fromkeys(asked for _, asked in sorted(sizes)))
    sent = [asked for asked in keys if asked not in found.pending]
    fresh = (keys[at] for at in spread(len(keys)) if keys[at] in found.pending)
    chosen = set(islice(fresh, max(sample - len(sent), 0)))
    found.unsent = sum(asked not in chosen for asked in found.pending)
    found.pending = {asked: model for asked, model in found.pending.items() if asked in chosen}


def spread(count: int) -> Iterator[int]:
    """All numbers below `count`, from the middle out: half, quarters, eighths, … (van der Corput's sequence)."""
    seen: set[int] = set()
    for step in itertools.count(1):
        if len(seen) == count:
            return
        at = int(int(f"{step:b}"[::-1], 2) / (1 << step.bit_length()) * count)
        if at not in seen:
            seen.add(at)
            yield at


def _checked(ws: Workspace, provider: Provider) -> Iterator[tuple[str, str, bytes]]:
    """custom_id, model and line of each request of the batch. Raises InputError for all faults at the end."""
    faults, seen = Faults(), {}
    for number, request, line in requests(ws, provider, faults):
        name = request["custom_id"]
        if name in seen:
            faults.add(f"{ws.batch}:{number}", f"$.custom_id: {name!r} is also on line {seen[name]}")
        seen[name] = number
        yield name, request["body"]["model"], line
    faults.check("nothing was sent; mend the transcripts and run `make batch` again")
    if not seen:
        raise InputError(f"{ws.batch} holds no requests; run `make batch`")


def requests(ws: Workspace, provider: Provider, faults: Faults) -> Iterator[tuple[int, Any, bytes]]:
    """Line number, request and encoded line of each request of the batch; what cannot be sent is a fault."""
    limits: dict[str, Limits] = {}
    if not ws.batch.exists():
        raise InputError(f"{ws.batch}: no such file; run `make batch`")
    with ws.batch.open("rb", buffering=BUFFER) as stream:
        for number, request in parse(stream, ws.batch, "request", faults):
            model = request["body"]["model"]
            if model not in limits:
                limits[model] = provider.limits(model)
            try:
                line = shards.encode(provider, request)
                why = shards.fits(line, limits[model])
            except Unencodable as error:
                why = f"{provider.name} cannot send this: {error}"
            if why:
                faults.add(f"{ws.batch}:{number}", f"$.custom_id {request['custom_id']!r}: {why}")
            else:
                yield number, request, line


def _sent(ledger: Ledger, provider: Provider, retry: bool) -> tuple[set[bytes], set[str], set[bytes]]:
    """Identities and custom_ids of all requests that were started.

    With `retry`, less those that failed. One whose answer was not valid is sent again only as it was: it is
    `tried`, and its custom_id stays, since under another schema it is another request, and paid.
    """
    keys, names, tried, read = set(), set(), set(), reader(ledger.ws, provider)
    for receipt in ledger:
        if receipt.unstarted:
            continue
        again = retry and receipt.settled
        valid, invalid = answered(ledger, receipt, read) if again else (set(), set())
        for line in ledger.lines(receipt):
            name = provider.custom_id(line)
            if not again or name in valid:
                keys.add(identity(line))
                names.add(name)
            elif name in invalid:
                tried.add(identity(line))
                names.add(name)
    return keys, names, tried


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

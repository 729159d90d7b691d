"""The stage `submit`: the only one that pays.

pending = requests of batch.jsonl - requests in shards that were started
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from sys import intern
from typing import Any

from pipeline import shards
from pipeline.clock import Clock
from pipeline.errors import IncompleteError, InputError, SpendError, Unencodable
from pipeline.files import BUFFER, write_json
from pipeline.ledger import Ledger, Receipt, identity
from pipeline.provider import Limits, Provider
from pipeline.results import answered
from pipeline.start import Starter
from pipeline.validate import Faults, parse
from pipeline.words import many
from pipeline.workspace import Workspace


@dataclass
class Survey:
    """What the batch holds, set against what the ledger paid for."""

    total: int = 0
    pending: dict[bytes, str] = field(default_factory=dict)  # identity and model of each request
    changed: list[str] = field(default_factory=list)  # custom_ids that were sent with another body
    model: str = ""


def submit(
    ws: Workspace,
    provider: Provider,
    *,
    new_jobs: bool = True,
    retry: bool = False,
    replace: bool = False,
    adopt: bool = False,
    settle: float = 300.0,
    clock: Clock | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Start a job for every request that has none, and write submitted.json; returns its content.

    Finishes first what an earlier submit began. With new_jobs=False it only checks that nothing is
    pending. Raises IncompleteError (requests without a job), SpendError (paid under another body) and
    what the provider raises; a second call goes on where this one stopped.
    """
    clock = clock or Clock()
    ledger = Ledger(ws)
    starter = Starter(ledger, provider, clock, say, settle, adopt, replace)
    if new_jobs:
        shards.orphans(ledger, provider.name)
        _recover(starter)
    survey = _survey(ledger, provider, retry)
    kept = [r for r in ledger if r.unstarted and _wanted(ledger, r, survey)]
    if not new_jobs:
        _refuse(ledger, survey)
    if survey.changed and not replace:
        raise SpendError(_changed(survey, retry))
    if survey.pending:
        provider.preflight(survey.model)
    _drop(ledger, kept)
    planned = _plan(ledger, provider, survey, _held(ledger, kept))
    waiting = [_named(ledger, receipt, survey) for receipt in kept] + planned
    sent = 0
    for receipt in waiting:
        started = starter.start(receipt)
        sent += started.requests if started.intent else 0  # a job that was taken over had no intent
        say(f"{started.shard}: {many(started.requests, 'request')}, job {started.ref['id']}")
    return _summary(ws, ledger, survey, sent)


def _recover(starter: Starter) -> None:
    lost = [receipt for receipt in starter.ledger if receipt.state == "starting"]
    if lost:
        starter.provider.preflight("")
    for receipt in lost:
        starter.recover(receipt)


def _survey(ledger: Ledger, provider: Provider, retry: bool) -> Survey:
    """Read the batch once: check every line, and tell what is pending and what was sent differently."""
    sent, names = _sent(ledger, provider, retry)
    survey, faults, seen = Survey(), Faults(), {}
    for number, request, line in _requests(ledger.ws, provider, faults):
        name = request["custom_id"]
        if name in seen:
            faults.add(f"{ledger.ws.batch}:{number}", f"$.custom_id: {name!r} is also on line {seen[name]}")
        seen[name] = number
        survey.model = survey.model or request["body"]["model"]
        key = identity(line)
        if key in sent:
            continue
        if provider.custom_id(line) in names:
            survey.changed.append(name)
        survey.pending[key] = intern(request["body"]["model"])
    faults.check("nothing was sent; mend the transcripts and run `make batch` again")
    if not seen:
        raise InputError(f"{ledger.ws.batch} holds no requests; run `make batch`")
    survey.total = len(seen)
    return survey


def _requests(ws: Workspace, provider: Provider, faults: Faults) -> Iterator[tuple[int, Any, bytes]]:
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


def _sent(ledger: Ledger, provider: Provider, retry: bool) -> tuple[set[bytes], set[str]]:
    """Identities and custom_ids of all requests that were started. With `retry`, less those that failed."""
    keys, names = set(), set()
    for receipt in ledger:
        if receipt.unstarted:
            continue
        ok = answered(ledger, receipt, provider) if retry and receipt.settled else None
        for line in ledger.lines(receipt):
            name = provider.custom_id(line)
            if ok is None or name in ok:
                keys.add(identity(line))
                names.add(name)
    return keys, names


def _wanted(ledger: Ledger, receipt: Receipt, survey: Survey) -> bool:
    """Whether all that an unstarted shard holds is still pending."""
    return all(identity(line) in survey.pending for line in ledger.lines(receipt))


def _refuse(ledger: Ledger, survey: Survey) -> None:
    """The spending gate: nothing may be started here, so nothing may be missing."""
    if any(receipt.state == "starting" for receipt in ledger):
        raise IncompleteError("a submit was interrupted; run `make submit` to finish it")
    if survey.pending:
        count = f"{len(survey.pending):,} of {survey.total:,} requests were never submitted"
        if survey.changed:
            other = f"{len(survey.changed):,} with another prompt, model or parameter"
            raise IncompleteError(f"{count} ({other}); put it back, or `make submit` with a new RUN= or REPLACE=1")
        raise IncompleteError(f"{count}; run `make submit` to send them")


def _changed(survey: Survey, retry: bool) -> str:
    some = ", ".join(survey.changed[:3]) + (", …" if len(survey.changed) > 3 else "")
    share = f"{len(survey.changed):,} of {survey.total:,} requests"
    what = f"{share} were already submitted with another body ({some})"
    hint = "" if retry else ", RETRY=1 if only those that failed should be sent again"
    return f"{what}; nothing was sent. Choose a new RUN=, or REPLACE=1 to pay for them again{hint}"


def _drop(ledger: Ledger, kept: list[Receipt]) -> None:
    """Unstarted shards that hold something no longer wanted: nothing was paid for them."""
    for receipt in [r for r in ledger if r.unstarted and r not in kept]:
        ledger.save(receipt, state="cancelled")


def _named(ledger: Ledger, receipt: Receipt, survey: Survey) -> Receipt:
    """The receipt with its model: an older one, or that of a shard whose receipt was lost, does not say it."""
    if receipt.model:
        return receipt
    first = next(ledger.lines(receipt))
    return ledger.save(receipt, model=survey.pending[identity(first)])


def _held(ledger: Ledger, kept: list[Receipt]) -> set[bytes]:
    return {identity(line) for receipt in kept for line in ledger.lines(receipt)}


def _plan(ledger: Ledger, provider: Provider, survey: Survey, held: set[bytes]) -> list[Receipt]:
    """Write shards, each of one model, for what is pending and in none yet: all before the first is started."""
    todo: dict[str, set[bytes]] = defaultdict(set)
    for key, model in survey.pending.items():
        if key not in held:
            todo[model].add(key)
    limits = {m: shards.level(provider.limits(m), len(keys), provider.name) for m, keys in todo.items()}
    planned = []
    for model, keys in todo.items():
        lines = _lines(ledger.ws, provider, keys)
        planned.extend(shards.write(ledger, provider.name, lines, limits[model], model))
    return planned


def _lines(ws: Workspace, provider: Provider, todo: Container[bytes]) -> Iterable[bytes]:
    for _, _, line in _requests(ws, provider, Faults()):
        if identity(line) in todo:
            yield line


def _summary(ws: Workspace, ledger: Ledger, survey: Survey, sent: int) -> dict[str, Any]:
    jobs = [receipt.ref["id"] for receipt in ledger if receipt.ref]
    summary = {"requests": survey.total, "sent_now": sent, "jobs": jobs, "model": survey.model}
    write_json(ws.submitted, summary)
    return summary

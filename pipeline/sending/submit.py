"""The stage `submit`: the only one that pays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from pipeline.base.clock import Clock
from pipeline.base.files import write_json
from pipeline.base.humanize import many
from pipeline.base.workspace import Workspace
from pipeline.errors import DoubtError, IncompleteError, SpendError
from pipeline.jobs import shards
from pipeline.jobs.ledger import MOST_LOST, Ledger, Receipt
from pipeline.jobs.start import Starter, doubt
from pipeline.money.cost import Tariff
from pipeline.provider import Provider
from pipeline.results.wait import Watch
from pipeline.sending import budget
from pipeline.sending.cut import cut, described
from pipeline.sending.later_rounds import ahead
from pipeline.sending.pending import NAMED, Key, Survey, approved, held, key, survey

LOOK = "`make submit` takes the job once the service lists it; REPLACE=1 pays once more"


@dataclass(frozen=True)
class Asked:
    """What a person asks of `submit`: the variables of these names, and the bounds of money and queue.

    `retry` is about shards with a number below `until`: what failed before the command began. None: all.
    """

    retry: bool = False
    replace: bool = False
    adopt: bool = False
    each: bool = False
    sample: int = 0
    partial: bool = False
    bounds: budget.Bounds = field(default_factory=budget.Bounds)
    until: int | None = None


def submit(
    ws: Workspace,
    provider: Provider,
    asked: Asked = Asked(),
    *,
    new_jobs: bool = True,
    tariff: Tariff | None = None,
    settle: float = 300.0,
    clock: Clock | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Start a job for every request that has none, and write submitted.json; returns its content.

    Finishes first what an earlier submit began. What the service's queue has no room for stays planned, and is
    counted as `unsent` with what is outside of the sample. With new_jobs=False it only checks that nothing is
    pending. Raises IncompleteError (requests without a job), SpendError (paid under another body, over the budget)
    and what the provider raises; a second call goes on where this one stopped.
    """
    clock, tariff, ledger = clock or Clock(), tariff or Tariff(provider), Ledger(ws)
    starter = Starter(ledger, provider, clock, say, settle, asked.adopt, asked.replace)
    of = key(provider, asked.each)
    if new_jobs:
        shards.orphans(ledger, provider.name)
        _recover(starter)
        for receipt in [receipt for receipt in ledger if receipt.unstarted and not receipt.tokens]:
            described(ledger, provider, receipt)
    found = survey(ledger, provider, retry=asked.retry, until=asked.until, each=asked.each, sample=asked.sample)
    if not new_jobs:
        _refuse(ledger, found, asked.partial)
        return _summary(ws, ledger, found, 0, len(found.pending))
    kept = approved(ledger, provider, found, retry=asked.retry, each=asked.each, sample=asked.sample)
    if found.changed and not asked.replace:
        raise SpendError(_changed(found, asked.retry))
    if found.pending:
        provider.preflight(found.model)
    _drop(ledger, kept, asked.replace)
    planned = cut(ledger, provider, found, held(ledger, kept, of), of, asked.bounds)
    planned = [_doubted(ledger, receipt, of) for receipt in planned]
    waiting = kept + planned
    if waiting and any(receipt.ref for receipt in ledger):
        # What has ended makes room, and has its real price.
        Watch(ws, provider, clock, say, settle=settle, tariff=tariff).look(ledger)
    _approve(starter, waiting, planned, tariff, asked, found)
    sent = _start(starter, waiting, tariff, asked.bounds)
    return _summary(ws, ledger, found, sent, sum(receipt.requests for receipt in ledger if receipt.unstarted))


def _approve(
    starter: Starter,
    waiting: list[Receipt],
    planned: list[Receipt],
    tariff: Tariff,
    asked: Asked,
    found: Survey,
) -> None:
    """What is new must fit into the budget with what waits and what comes later, or nothing of it is kept."""
    ledger, provider = starter.ledger, starter.provider
    if not planned or asked.bounds.budget is None:
        return
    later = ahead(ledger.ws, provider, tariff, ledger, found.sampled)
    able = [receipt for receipt in waiting if asked.replace or not receipt.doubted]
    try:
        budget.afford(ledger, able, tariff, asked.bounds, later.cost_most)
    except SpendError:
        for receipt in planned:
            ledger.save(receipt, state="cancelled")
            ledger.shard(receipt).path.unlink()
        raise


def _start(starter: Starter, waiting: list[Receipt], tariff: Tariff, bounds: budget.Bounds) -> int:
    """Start what there is room and money for; returns how many requests were sent.

    Raises DoubtError at the end for a shard that only a person can have started again: it holds back no other.
    """
    ledger, say, sent, full, doubts = starter.ledger, starter.say, 0, "", []
    for receipt in waiting:
        limits = bounds.limits(starter.provider, receipt.model)
        if why := budget.queue(ledger, receipt, limits, tariff):
            full = full or why
            continue
        try:
            started = _started(starter, receipt, tariff, bounds)
        except DoubtError as error:
            doubts.append(error)
            continue
        sent += started.requests if started.intent else 0  # a job that was taken over had no intent
        say(f"{started.shard}: {many(started.requests, 'request')}, job {started.ref['id']}")
    if full:
        left = [receipt for receipt in ledger if receipt.unstarted]
        say(f"{many(len(left), 'shard')} ({many(sum(r.requests for r in left), 'request')}) wait for room: {full}")
    if doubts:
        raise doubts[0]
    return sent


def _doubted(ledger: Ledger, receipt: Receipt, of: Key) -> Receipt:
    """A new shard with the lost starts of those that were dropped and held some of the same: they may be paid."""
    ghosts = [one for one in ledger.receipts.values() if one.dropped and one.lost]
    mine = held(ledger, [receipt], of) if ghosts else set()
    lost = max((ghost.lost for ghost in ghosts if mine & held(ledger, [ghost], of)), default=0)
    return ledger.save(receipt, lost=lost, doubtful=True) if lost else receipt


def _started(starter: Starter, receipt: Receipt, tariff: Tariff, bounds: budget.Bounds) -> Receipt:
    """Start a shard; again, if the first start proved never to have happened; a third time on a person's word."""
    most = receipt.lost + 1 if receipt.doubted and starter.replace else MOST_LOST
    while receipt.lost < most:
        budget.afford(starter.ledger, [receipt], tariff, bounds)
        if receipt.lost:
            starter.say(f"{receipt.shard}: {doubt(receipt)}; it is started again, which may pay again")
        receipt = starter.start(receipt)
        if receipt.ref:
            return receipt
    raise DoubtError(f"{receipt.shard}: {doubt(receipt)}. It is not started again. {LOOK}")


def _recover(starter: Starter) -> None:
    starting = [receipt for receipt in starter.ledger if receipt.state == "starting"]
    lost = [receipt for receipt in starter.ledger if receipt.unstarted and receipt.lost]
    if starting or lost:
        starter.provider.preflight("")
    for receipt in starting:
        starter.recover(receipt)
    for receipt in lost:
        starter.take(receipt)


def _refuse(ledger: Ledger, found: Survey, partial: bool) -> None:
    """The spending gate: nothing may be started here, so nothing may be missing, unless `partial` will do.

    A later round may: the answers that it combines are there. And so may what the last submit left, as it said.
    """
    if any(receipt.state == "starting" for receipt in ledger):
        raise IncompleteError("a submit was interrupted; run `make submit` to finish it")
    for receipt in [receipt for receipt in ledger if receipt.unstarted and receipt.lost and not partial]:
        raise IncompleteError(f"{receipt.shard}: {doubt(receipt)}. {LOOK}; PARTIAL=1 collects the others")
    missing = len(found.pending.keys() - found.combining)
    if missing <= _unsent(ledger.ws) or (partial and any(receipt.ref for receipt in ledger)):
        return
    count = f"{missing:,} of {found.total:,} requests were never submitted"
    if found.changed:
        other = f"{len(found.changed):,} with another text, prompt, model or parameter: {_some(found)}"
        raise IncompleteError(f"{count} ({other}); put it back, or `make submit` with a new RUN= or REPLACE=1")
    raise IncompleteError(f"{count}; run `make submit` to send them, or PARTIAL=1 collects the others")


def _unsent(ws: Workspace) -> int:
    """How many requests the last submit left: after a sample, or with a full queue."""
    return orjson.loads(ws.submitted.read_bytes()).get("unsent", 0) if ws.submitted.exists() else 0


def _changed(found: Survey, retry: bool) -> str:
    some = _some(found)
    share = f"{len(found.changed):,} of {found.total:,} requests"
    what = f"{share} were already submitted with another body, their text or the prompt having changed ({some})"
    hint = "" if retry else ", RETRY=1 if only those that failed should be sent again"
    return f"{what}; nothing was sent. Choose a new RUN=, or REPLACE=1 to pay for them again{hint}"


def _some(found: Survey) -> str:
    """A few of the custom_ids that were sent otherwise."""
    return ", ".join(list(found.changed.values())[:NAMED]) + (", …" if len(found.changed) > NAMED else "")


def _drop(ledger: Ledger, kept: list[Receipt], replace: bool) -> None:
    """Unstarted shards that hold something no longer wanted. Raises DoubtError if one of them may be paid."""
    unwanted = [receipt for receipt in ledger if receipt.unstarted and receipt not in kept]
    for receipt in unwanted:
        if receipt.lost and not replace:
            raise DoubtError(f"{receipt.shard}: {doubt(receipt)}, and the batch has changed. {LOOK}")
    for receipt in unwanted:
        ledger.save(receipt, state="cancelled")


def _summary(ws: Workspace, ledger: Ledger, found: Survey, sent: int, unsent: int) -> dict[str, Any]:
    jobs = [receipt.ref["id"] for receipt in ledger if receipt.ref]
    waiting = sum(receipt.requests for receipt in ledger if receipt.unstarted)
    summary = {
        "requests": found.total, "sent_now": sent, "waiting": waiting, "unsent": found.unsent + unsent,
        "jobs": jobs, "model": found.model,
    }  # fmt: skip
    write_json(ws.submitted, summary)
    return summary

"""The stage `submit`: the only one that pays.

survey -> cut -> write all shards -> afford and confirm the whole -> for each shard: afford, start -> submitted.json
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from pipeline.base.atomic_files import write_json
from pipeline.base.clock import Clock
from pipeline.base.humanize import many
from pipeline.base.workspace import Workspace
from pipeline.errors import SpendError
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.same_account import same_account
from pipeline.jobs.start_context import Starter
from pipeline.jobs.wait import Watch
from pipeline.money.tariff import Tariff
from pipeline.provider import Provider
from pipeline.sending.approve import approve
from pipeline.sending.check_all_sent import check_again, check_all_sent, check_retry
from pipeline.sending.confirm import Ask
from pipeline.sending.find_pending import survey
from pipeline.sending.pending import Pending
from pipeline.sending.prepare_shards import finish_earlier, prepared
from pipeline.sending.replaced_shards import drop, replaced
from pipeline.sending.start_shards import start_shards
from pipeline.sending.submit_options import NOTHING, Asked
from pipeline.sending.unstarted_shards import in_doubt


def submit(
    ws: Workspace,
    provider: Provider,
    asked: Asked = NOTHING,
    *,
    new_jobs: bool = True,
    tariff: Tariff | None = None,
    settle: float = 300.0,
    clock: Clock | None = None,
    say: Callable[[str], None] = print,
    ask: Ask | None = None,
) -> dict[str, Any]:
    """Start a job for every request that has none, and write submitted.json; returns its content.

    Finishes first what an earlier submit began. What the service's queue has no room for stays planned, and is
    counted as `unsent` with what is outside of the sample. With new_jobs=False it only checks that nothing is
    pending. Raises IncompleteError (requests without a job), SpendError (paid under another body, over the budget)
    and what the provider raises; a second call goes on where this one stopped.
    """
    clock, tariff, ledger = clock or Clock(), tariff or Tariff(provider), Ledger(ws)
    if not new_jobs:
        return _check(ledger, provider, asked)
    check_retry(ledger, asked)
    check_again(asked)
    again = in_doubt(ledger, asked.again)
    same_account(ledger, provider, asked.account, pays=True)
    starter = Starter(ledger, provider, clock, say, settle, asked.adopt, asked.replace, again, asked.repeat)
    finish_earlier(starter)
    found, kept, planned, others = prepared(starter, asked)
    if (kept or planned) and any(receipt.ref for receipt in ledger):
        # What has ended makes room, and has its real price.
        Watch(ws, provider, clock, say, settle=settle, tariff=tariff).look(ledger)
    if asked.correction and (changed := many(len(ledger.corrections.planned), "request")):
        say(f"with {asked.correction.words}: {changed} without an answer; all others stay as they were sent")
    planned = approve(starter, kept, planned, tariff, asked, found.sampled, ask)
    ledger.corrections.save()
    replaced(ledger, others, kept, planned, provider, again)
    waiting = [ledger.receipts[receipt.shard] for receipt in kept + planned]
    if waiting:  # results are not of this submit before its end
        ws.submitted.unlink(missing_ok=True)
    try:
        sent = start_shards(starter, waiting, tariff, asked.bounds)
    except SpendError:
        if asked.adopt:  # what found no job is not to be sent by the next command
            drop(ledger, planned)
        raise
    return _summary(ledger, found, sent, sum(receipt.requests for receipt in ledger if receipt.unstarted))


def _check(ledger: Ledger, provider: Provider, asked: Asked) -> dict[str, Any]:
    found, _ = survey(ledger, provider, asked)
    check_all_sent(ledger, found, asked.partial)
    found.otherwise += len(found.changed)
    return _summary(ledger, found, 0, len(found.places))


def _summary(ledger: Ledger, found: Pending, sent: int, unsent: int) -> dict[str, Any]:
    jobs = [receipt.ref["id"] for receipt in ledger if receipt.ref]
    waiting = sum(receipt.requests for receipt in ledger if receipt.unstarted)
    summary = {
        "requests": found.total, "sent_now": sent, "waiting": waiting, "unsent": found.unsent + unsent,
        "changed": found.otherwise, "jobs": jobs, "model": found.model,
    }  # fmt: skip
    if not (sent or waiting) and _fresh(ledger.ws, summary):
        return summary
    write_json(ledger.ws.submitted, summary)
    return summary


def _fresh(ws: Workspace, summary: dict[str, Any]) -> bool:
    """Whether the last submit came to the same, of this batch: then results that were made since stay fresh."""
    if not ws.submitted.exists() or ws.submitted.stat().st_mtime_ns < ws.batch.stat().st_mtime_ns:
        return False
    return orjson.loads(ws.submitted.read_bytes()) | {"sent_now": 0} == summary | {"sent_now": 0}

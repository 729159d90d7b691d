"""Whether a job that a service does not list is not there: by the last job that was started well for an account.

A list proves that if it showed that job at once, and shows it still. Which job it was is kept per account, in
`data/accounts/`; a list that came late, lost a job or was always empty proves nothing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson

from pipeline.base.atomic_files import write_json
from pipeline.base.workspace import RUNS, Workspace
from pipeline.errors import InputError, Unlisted
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.start_context import Starter
from pipeline.provider import Provider


def remember(starter: Starter, receipt: Receipt, listed: bool) -> None:
    """Keep whether the list showed, at once, a job that was just started."""
    path = _path(starter.provider)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"run": starter.ledger.ws.run, "shard": receipt.shard, "listed": listed})


def unproven(starter: Starter) -> str:
    """Why a job that is not listed may be there all the same; "" if it may not."""
    if starter.provider.lists_all:
        return ""
    last = _last(starter.provider)
    if last is None:
        return ", and the list of this account has not shown yet that it shows jobs"
    ledger, shard, at_once = last
    receipt = ledger.receipts.get(shard)
    if not (at_once and receipt and receipt.ref):
        return ", and the list of this account does not show each job at once"
    if any(one.ref and _age(one) > _age(receipt) for one in starter.ledger):
        return ", and the list could not be read after the last good start"
    find = starter.provider.find
    try:
        jobs = starter.clock.patiently(lambda: find(ledger.shard(receipt), receipt.handle or {}))
    except (Unlisted, OSError):
        jobs = []
    job = receipt.ref["id"]
    return (
        ""
        if job in [job.ref["id"] for job in jobs]
        else f", and the list does not show {job} either, which is there"
    )


def _age(receipt: Receipt) -> tuple[float, int]:
    return receipt.intent or 0.0, receipt.number


def _last(provider: Provider) -> tuple[Ledger, str, bool] | None:
    """The ledger and the shard of that job, and whether it was listed at once."""
    try:
        kept: Any = orjson.loads(_path(provider).read_bytes())
        return Ledger(Workspace.of(kept["run"], provider.name)), kept["shard"], kept["listed"] is True
    except (OSError, ValueError, KeyError, TypeError, InputError):
        return None


def _path(provider: Provider) -> Path:
    account = provider.account()
    name = re.sub(r"[^A-Za-z0-9._-]", "_", provider.name)
    return RUNS.parent / "accounts" / f"{name}{'-' + account.id if account else ''}.json"

"""Takes over jobs that the ledger does not know: what they hold of the batch has a job then, the rest has none."""

from __future__ import annotations

import re

from pipeline.adopting.answers_by_hand import by_ids, fetched
from pipeline.adopting.foreign import Foreign, read
from pipeline.adopting.new_receipt import nothing, save, shard
from pipeline.adopting.wanted_requests import Match, Wanted
from pipeline.batch.request_kind import Kind
from pipeline.errors import InputError, Rejected, clean
from pipeline.jobs.other_jobs import content, started_with, unknown
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.start_context import Starter
from pipeline.provider import Found

ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:/=+-]{0,1023}")


def adopt(starter: Starter, foreign: Foreign) -> int:
    """How many requests of the batch have a job now that had none. Raises InputError for a named job that has none
    of them, and UnfinishedError for one that has to end first."""
    ledger, before = starter.ledger, list(starter.ledger)
    wanted = Wanted(ledger, starter.provider)
    if foreign.output:
        count = fetched(starter, wanted, foreign)
    elif foreign.ids:
        count = sum(_taken(starter, wanted, _job(starter, name), foreign) for name in foreign.ids)
    else:
        count = sum(_taken(starter, wanted, job, None) for job in starter.clock.patiently(lambda: unknown(starter)))
    for receipt in before if count else ():
        _drop(starter, receipt, [one for one in ledger if one not in before])
    return count


def _drop(starter: Starter, receipt: Receipt, taken: list[Receipt]) -> None:
    """Drop a shard that was cut before, and perhaps of the same requests: one with a start that was lost only if
    jobs that were taken over ask all that it does. One of the same lines is its job, any other was paid beside."""
    ledger, provider = starter.ledger, starter.provider
    if not receipt.unstarted:
        return
    there = {content(provider, line) for one in taken for line in ledger.lines(one)} if receipt.lost else set()
    if receipt.lost and not all(content(provider, line) in there for line in ledger.lines(receipt)):
        return
    same = any(
        one.account and one.ref["id"] not in receipt.known
        and (one.sha256, one.ref["requests"]) == (receipt.sha256, receipt.requests)
        for one in taken
    )  # fmt: skip
    left = max(receipt.lost - same, 0)
    ledger.save(receipt, state="cancelled", lost=left, doubtful=left > 0)


def _job(starter: Starter, name: str) -> Found:
    if not ID.fullmatch(name) or ".." in name:
        raise InputError(f"ADOPT={clean(name, 60)}: no id of a job; 1 looks through all jobs of the account")
    if name in starter.ledger.job_ids():
        raise InputError(f"job {name} is this run's already; `make results` fetches it")
    return Found({"id": name}, starter.clock.patiently(lambda: starter.provider.poll({"id": name})).state)


def _taken(starter: Starter, wanted: Wanted, job: Found, foreign: Foreign | None) -> int:
    """How many requests are taken from a job; `foreign` is None of one that nobody named."""
    name = job.ref["id"]
    match = starter.clock.patiently(lambda: _held(starter, wanted, job, foreign))
    if foreign is None and not (match and match.names):
        return 0
    if match is None:
        return by_ids(starter, wanted, job, foreign)
    if not match.names:
        raise InputError(f"{nothing(f'job {name}', match)}; nothing is taken over")
    models = {wanted.kinds[place].model for place in match.names}
    if len(models) > 1:
        raise InputError(
            f"job {name} asks {' and '.join(sorted(models))}, and one job has one model here; when it has ended, "
            "`make adopt OUTPUT=… REQUESTS=…` takes its answers"
        )
    kinds = {wanted.kinds[place] for place in match.names}
    kind = kinds.pop() if len(kinds) == 1 else Kind(models.pop())
    save(starter, shard(starter, match, list(match.names), kind), match, job.ref, state="running")
    return wanted.without(match)


def _held(starter: Starter, wanted: Wanted, job: Found, foreign: Foreign | None) -> Match | None:
    """What a job was started with has of the batch; None where nobody can say what that was."""
    if foreign and foreign.requests:
        return wanted.of_lines(read(foreign.requests))
    try:
        there = started_with(starter.provider, dict(job.ref))
    except Rejected:  # no word on what it was asked: of a job that is named a person hears it
        if foreign:
            raise
        return None
    return None if there is None else wanted.of_lines(there)

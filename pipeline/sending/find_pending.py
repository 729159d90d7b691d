"""The batch, read once: every line is checked, and what is pending is told from what was sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache

from pipeline.base.faults import Faults
from pipeline.batch.custom_id import transcript
from pipeline.batch.request_kind import Kind
from pipeline.batch.saved_prompts import load
from pipeline.errors import InputError
from pipeline.jobs.already_sent import Sent, sent
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.sent_rows import SentRows
from pipeline.provider import Provider
from pipeline.sending.checked_requests import ROUND, Sendable, sendable, where
from pipeline.sending.choice import Choice
from pipeline.sending.correct import corrected
from pipeline.sending.pending import Finder, Pending
from pipeline.sending.same_question import key
from pipeline.sending.submit_options import NOTHING, Asked


def survey(
    ledger: Ledger, provider: Provider, asked: Asked = NOTHING, again: bool = False
) -> tuple[Pending, Pending]:
    """What is pending: with RETRY, what failed in shards below the number `until` too; with SAMPLE, only what is in
    the sample. And, if `again`, what would be with RETRY; else the same.

    Raises InputError with all that cannot be sent.
    """
    of, kinds, groups, rows = key(provider, asked.each), {}, defaultdict(list), SentRows(ledger, provider)
    faults = Faults()
    finders = [Finder(before, rows, kinds) for before in _before(ledger, provider, asked, again)]
    choice = Choice(ledger, provider, asked, finders, of)
    for one, kind in _checked(ledger, provider, rows, faults):
        if (chosen := choice.pending(one, kind)) is None:
            continue
        before, (pending, tried) = one, chosen
        if asked.correction and tried and pending:
            one = corrected(ledger, provider, one, asked.correction, faults)
            kind = Kind(one.request["body"]["model"], kind.prompt)
        number = kinds.setdefault(kind, len(kinds))
        asks = of(one.line, kind.model) if pending or asked.sample else b""
        if asked.sample:
            asked_before = asks if one is before else of(before.line, before.request["body"]["model"])
            groups[transcript(one.request["custom_id"])].append((len(before.line), asked_before, asks))
        for finder in pending:
            finder.add(one, number, asks, provider)
    faults.check("nothing is sent; mend the transcripts and run `make batch` again")
    choice.check()
    for finder in finders:
        if not asked.each:
            finder.paid(ledger, provider, of)
        if asked.sample:
            finder.sample(groups, choice.begun, asked.sample)
    return finders[0].end(), finders[-1].end()


def _before(ledger: Ledger, provider: Provider, asked: Asked, again: bool) -> Iterator[Sent]:
    """What counts as sent."""
    yield sent(ledger, provider, asked.retry, asked.until)
    if again and not asked.retry:
        yield sent(ledger, provider, retry=True)


def _checked(ledger: Ledger, provider: Provider, rows: SentRows, faults: Faults) -> Iterator[tuple[Sendable, Kind]]:
    """Each request and its kind. Raises InputError if there are none."""
    seen, ws, prompts = {}, ledger.ws, load(ledger.ws)
    kinds = cache(Kind)  # one for all requests of the kind
    for one in sendable(ledger, provider, faults, rows):
        name, number = one.request["custom_id"], one.place % ROUND
        if name in seen:
            faults.add(where(ws, one.place), f"$.custom_id: {name!r} is also on line {seen[name]}")
        seen[name] = number
        yield one, kinds(one.request["body"]["model"], prompts.of(name).name)
    if not seen and not faults.count:
        raise InputError(f"{ws.batch} holds no requests; run `make -B batch`")

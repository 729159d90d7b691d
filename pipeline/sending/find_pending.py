"""The batch, read once: every line is checked, and what is pending is told from what was sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache

from pipeline.base.faults import Faults
from pipeline.batch.custom_id import transcript, whole
from pipeline.batch.request_index import row_of
from pipeline.batch.request_kind import Kind
from pipeline.batch.request_line import identity
from pipeline.batch.saved_prompts import load
from pipeline.errors import InputError, clean
from pipeline.jobs.already_sent import Sent, sent
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.sent_rows import SentRows
from pipeline.provider import Provider
from pipeline.sending.checked_requests import ROUND, Sendable, sendable, where
from pipeline.sending.correct import corrected
from pipeline.sending.pending import Finder, Pending
from pipeline.sending.same_question import Key, key
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
    failed = finders[-1].failed(ledger, of) if asked.retry or asked.sample else set()
    missing, begun, planned = set(asked.ids), set(), _planned(ledger) if asked.retry else set()
    for one, kind in _checked(ledger, provider, rows, faults):
        pending = [finder for finder in finders if not finder.has(one)]
        if asked.ids:
            names = _names(one) & asked.ids
            missing -= names
            if not names:
                for finder in pending:
                    finder.found.unsent += 1
                continue
            if asked.replace:
                asks = of(one.line, kind.model)
                pending = [finder for finder in finders if finder in pending or finder.ended(one, asks)]
        before = one
        tried = bool(pending and failed) and not failed.isdisjoint(_ways(one, of))
        if asked.sample and (tried or not pending):
            begun.add(transcript(one.request["custom_id"]))
        if asked.retry and pending and not (tried or one.later or identity(one.line) in planned):
            pending = [finder for finder in finders if finder.replaces(one, provider)]
            finders[0].found.unsent += not pending  # it was never sent: RETRY is for what was
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
    for name in sorted(missing):
        faults.add(f"ID={clean(name, 60)}", "no transcript and no request of the batch has this id")
    faults.check("nothing is sent; mend the transcripts and run `make batch` again")
    for finder in finders:
        if not asked.each:
            finder.paid(ledger, provider, of)
        if asked.sample:
            finder.sample(groups, begun, asked.sample)
    return finders[0].end(), finders[-1].end()


def _ways(one: Sendable, of: Key) -> Iterator[bytes]:
    """The keys of a request as it is asked, and as it was asked before its correction."""
    yield of(one.line, one.request["body"]["model"])
    if one.original and one.plain:
        yield of(one.original, one.plain["body"]["model"])


def _planned(ledger: Ledger) -> set[bytes]:
    """What was cut before, and has no job yet."""
    return {identity(line) for receipt in ledger if receipt.unstarted for line in ledger.lines(receipt)}


def _names(one: Sendable) -> set[str]:
    """By which a person may name a request: its custom_id, that of its result, and the transcript's id."""
    name = one.request["custom_id"]
    return {name, whole(name), transcript(name), row_of(one.row).get("id", name)}


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

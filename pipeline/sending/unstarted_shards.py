"""Shards that were cut by an earlier command and not started: they go on, or are dropped."""

from __future__ import annotations

from collections.abc import Container, Iterable

from pipeline.errors import DoubtError, InputError, clean
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.lost_start import doubt, way_on
from pipeline.jobs.receipt import Receipt
from pipeline.sending.pending import Pending
from pipeline.sending.same_question import Key


def approved(ledger: Ledger, found: Pending, again: Pending, of: Key) -> tuple[list[Receipt], set[bytes]]:
    """Unstarted shards of which all is still to be sent, and the keys in them, which are pending in `found` now.

    What one holds that is no new request (another try, or another body) RETRY or REPLACE had it cut for: it is
    pending `again`.
    """
    kept, there = [], set()
    for receipt in unstarted(ledger):
        keys = held(ledger, [receipt], of)
        if keys <= again.places.keys():
            kept.append(receipt)
            there |= keys
    found.places |= {asked: again.places[asked] for asked in there}
    found.changed = {asked: name for asked, name in found.changed.items() if asked not in there}
    return kept, there


def unstarted(ledger: Ledger) -> list[Receipt]:
    return [receipt for receipt in ledger if receipt.unstarted and receipt.tokens]


def held(ledger: Ledger, receipts: Iterable[Receipt], of: Key) -> set[bytes]:
    """Keys of what these shards hold."""
    return {of(line, receipt.model) for receipt in receipts for line in ledger.lines(receipt)}


def unwanted(ledger: Ledger, kept: list[Receipt], again: Container[str]) -> list[Receipt]:
    """Unstarted shards that hold something no longer wanted. Raises DoubtError if one of them may be paid."""
    others = [receipt for receipt in ledger if receipt.unstarted and receipt not in kept]
    if lost := [receipt for receipt in others if receipt.lost and receipt.shard not in again]:
        words = "; ".join(map(doubt, lost))
        every = [receipt for receipt in others if receipt.lost]
        raise DoubtError(f"{words}, and what is asked now is not the same. {way_on(every)}")
    return others


def in_doubt(ledger: Ledger, said: str) -> set[str]:
    """The shards that AGAIN names, by name or number. Raises InputError for one that is in no doubt."""
    doubts = {receipt.shard for receipt in ledger if receipt.lost and not receipt.ref}
    named = said.replace(",", " ").split()
    found = {name: [shard for shard in doubts if name in (shard, shard.partition("-")[0])] for name in named}
    if wrong := [name for name, shards in found.items() if not shards]:
        there = ", ".join(sorted(doubts)) or "none"
        raise InputError(f"AGAIN={clean(wrong[0], 40)}: no start of such a shard is in doubt; in doubt: {there}")
    return {shard for shards in found.values() for shard in shards}

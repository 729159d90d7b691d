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


def replaced(ledger: Ledger, others: list[Receipt], new: list[Receipt], of: Key, again: set[str]) -> list[Receipt]:
    """The `new` shards, for the `others`, which are dropped; those that may be paid stay until the `end`."""
    for receipt in others:
        if not receipt.lost:
            ledger.save(receipt, state="cancelled")
    return [_doubted(ledger, receipt, [one for one in others if one.lost], of, again) for receipt in new]


def end(ledger: Ledger, others: list[Receipt], new: list[Receipt], of: Key) -> None:
    """What took the place of shards that may be paid was started: they are dropped, and still count as paid. A new
    one of the same requests has their lost starts."""
    for receipt in others:
        if receipt.lost:
            mine = held(ledger, [receipt], of)
            same = any(one.lost and mine & held(ledger, [one], of) for one in new)
            ledger.save(receipt, state="cancelled", doubtful=not same)


def _doubted(ledger: Ledger, receipt: Receipt, others: list[Receipt], of: Key, again: set[str]) -> Receipt:
    """A new shard with the lost starts of `others`, and of those that were dropped, if they hold some of the same:
    they may be paid.

    A person's word to start those `again` is for the new one too.
    """
    ghosts = [*others, *(one for one in ledger.receipts.values() if one.dropped and one.lost)]
    mine = held(ledger, [receipt], of) if ghosts else set()
    before = [ghost for ghost in ghosts if mine & held(ledger, [ghost], of)]
    if not before:
        return receipt
    for ghost in before:  # from now on its lost starts are those of the new shard
        if ghost.dropped:
            ledger.save(ghost, doubtful=False)
    if again.issuperset(ghost.shard for ghost in before):
        again.add(receipt.shard)
    return ledger.save(receipt, lost=max(ghost.lost for ghost in before), doubtful=True)


def in_doubt(ledger: Ledger, said: str) -> set[str]:
    """The shards that AGAIN names, by name or number. Raises InputError for one that is in no doubt."""
    doubts = {receipt.shard for receipt in ledger if receipt.lost and not receipt.ref}
    named = said.replace(",", " ").split()
    found = {name: [shard for shard in doubts if name in (shard, shard.partition("-")[0])] for name in named}
    if wrong := [name for name, shards in found.items() if not shards]:
        there = ", ".join(sorted(doubts)) or "none"
        raise InputError(f"AGAIN={clean(wrong[0], 40)}: no start of such a shard is in doubt; in doubt: {there}")
    return {shard for shards in found.values() for shard in shards}

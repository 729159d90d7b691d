"""Unstarted shards that new ones take the place of: what may be paid of them is never forgotten."""

from __future__ import annotations

from collections.abc import Container

from pipeline.jobs.ledger import Ledger
from pipeline.jobs.receipt import Receipt
from pipeline.provider import Provider


def replaced(
    ledger: Ledger,
    others: list[Receipt],
    kept: list[Receipt],
    new: list[Receipt],
    provider: Provider,
    again: set[str],
) -> None:
    """Drop the `others`, for which the `new` shards are sent. What may be paid of them still is; and a shard that
    has some of the same custom_ids has their lost starts, and a person's word to start those `again`."""
    left = _may_be_paid(ledger, others, [receipt.shard for receipt in new], provider)
    for receipt in kept + new if left else ():
        mine = _names(ledger, receipt, provider)
        before = [ledger.receipts[name] for name, names in left.items() if mine & names]
        before = [ghost for ghost in before if receipt in new or not ghost.dropped]
        if before:
            if again.issuperset(ghost.shard for ghost in before):
                again.add(receipt.shard)
            more = sum(ghost.lost for ghost in before)
            ledger.save(receipt, lost=receipt.lost + more, carried=receipt.carried + more, doubtful=True)
    drop(ledger, others)  # at last: a kill before leaves a doubt too many, and none too few


def _may_be_paid(
    ledger: Ledger, others: list[Receipt], new: Container[str], provider: Provider
) -> dict[str, set[str]]:
    """Of shards with lost starts that are dropped, or about to be: custom_ids that no later shard has taken on."""
    ghosts = [one for one in ledger.receipts.values() if one.lost and (one in others or one.dropped)]
    later = [one for one in ledger.receipts.values() if one.shard not in new and (one.lost or not one.dropped)]
    names = {one.number: _names(ledger, one, provider) for one in (later if ghosts else ())}
    return {
        ghost.shard: _names(ledger, ghost, provider).difference(
            *(those for number, those in names.items() if ghost.dropped and number > ghost.number)
        )
        for ghost in ghosts
    }


def drop(ledger: Ledger, receipts: list[Receipt]) -> None:
    """They are not sent; of those with a lost start that stays written down."""
    for receipt in receipts:
        ledger.save(ledger.receipts[receipt.shard], state="cancelled")


def _names(ledger: Ledger, receipt: Receipt, provider: Provider) -> set[str]:
    return set(map(provider.custom_id, ledger.lines(receipt)))

"""A job is asked for where it was started: another address or key is refused before any request."""

from __future__ import annotations

from dataclasses import asdict

from pipeline.errors import InputError
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.receipt import Receipt
from pipeline.provider import Provider


def same_account(ledger: Ledger, provider: Provider, said: str, *, pays: bool = False) -> None:
    """Hold the account of now against those of jobs to be asked for; and, if the command `pays`, of the last.

    `said` is an account's id by which a person says that it is the one: receipts then have it. Raises InputError.
    """
    begun = [receipt for receipt in ledger if receipt.begun and receipt.account]
    asked = [receipt for receipt in begun if not receipt.settled]
    last = begun[-1:] if pays else []
    if not (asked or last) or (now := provider.account()) is None:
        return
    other = [receipt for receipt in [*asked, *last] if receipt.account != asdict(now)]
    if other and said != now.id:
        raise InputError(_differs(other[0], asdict(now), said))
    for receipt in asked:
        if receipt.account != asdict(now):
            ledger.save(receipt, account=asdict(now))


def _differs(receipt: Receipt, now: dict[str, str], said: str) -> str:
    before = receipt.account or {}
    typed = f"; ACCOUNT={said} is not the one of now" if said and said != before["id"] else ""
    return (
        f"{receipt.shard} was started at {before['url']} by account {before['id']}, and address and key of now are "
        f"{now['url']} and account {now['id']} (a hash of both){typed}; nothing was asked there. Set those that "
        f"started it; if they were only renewed, ACCOUNT={now['id']} says so"
    )

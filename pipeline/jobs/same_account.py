"""A job is asked for where it was started: another address or key is refused before any request."""

from __future__ import annotations

from dataclasses import asdict

from pipeline.errors import InputError, clean
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
    if not (asked or last or said) or (now := provider.account()) is None:
        return
    other = [receipt for receipt in [*asked, *last] if receipt.account != asdict(now)]
    if other and said != now.id:
        raise InputError(_differs(other[0], asdict(now), said))
    if said not in ("", now.id):
        raise InputError(f"ACCOUNT={clean(said, 60)} is not the account of now, {now.id}; nothing was asked there")
    for receipt in other:
        ledger.save(receipt, account=asdict(now))


def _differs(receipt: Receipt, now: dict[str, str], said: str) -> str:
    before = receipt.account or {}
    typed = f"ACCOUNT={clean(said, 60)} is not the one of now. " if said and said != before["id"] else ""
    key = before["url"] == now["url"]
    what = "the key, or the path of its address, is another now" if key else f"the address is {now['url']} now"
    return (
        f"{typed}{receipt.shard} was started at {before['url']} by account {before['id']} (a hash of address and "
        f"key); {what}, account {now['id']}: nothing was asked there. Export what started it; if it was only "
        f"renewed, ACCOUNT={now['id']} says that the job is there"
    )

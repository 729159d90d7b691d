"""Ends the jobs of a run early. Rows that are finished stay paid, and `results` still fetches them."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.jobs.ledger import Ledger
from pipeline.jobs.lost_start import doubt, recover
from pipeline.jobs.start_context import Starter
from pipeline.provider import Provider


def cancel(ledger: Ledger, provider: Provider, starter: Starter, say: Callable[[str], None]) -> int:
    """Ask the service to cancel every job that runs; returns how many. What was not started is dropped."""
    count = 0
    for receipt in ledger:
        if receipt.state == "starting":
            receipt = recover(starter, receipt)
        if receipt.in_doubt:
            say(f"{doubt(receipt)}; `make submit` looks for it")
        elif receipt.unstarted:
            ledger.save(receipt, state="cancelled")
            say(f"{receipt.shard}: dropped before it was sent")
        elif receipt.ref and receipt.ended is None:
            ref = receipt.ref
            starter.clock.patiently(lambda ref=ref: provider.cancel(ref))
            ledger.save(receipt, cancelling=True)
            say(f"{receipt.shard}: asked to cancel job {ref['id']}")
            count += 1
    return count

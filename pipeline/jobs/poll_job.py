"""One look at one job: its status, a second job of it, and its output once it has ended."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.jobs.download import download
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.second_job import look
from pipeline.jobs.start_context import Starter

TRIES = 3


def visit(starter: Starter, receipt: Receipt, warn: Callable[[str], None]) -> None:
    """Bring the receipt of a job up to date. Raises Busy; what was learned until then is kept."""
    if receipt.settled:
        return
    if receipt.ended is None:
        receipt = _poll(starter, receipt, warn)
        if receipt.doubtful:
            receipt = look(starter, receipt)
    if receipt.ended is not None:
        clock = starter.clock
        clock.patiently(lambda: download(starter.ledger, receipt, starter.provider, clock, starter.say), TRIES)


def _poll(starter: Starter, receipt: Receipt, warn: Callable[[str], None]) -> Receipt:
    status = starter.clock.patiently(lambda: starter.provider.poll(receipt.ref), TRIES)
    if status.warning:
        warn(f"{receipt.shard}: {status.warning}")
    news = {"state": status.state, "raw": status.raw, "done": status.done, "error": status.error}
    if status.ended:
        news["ended"] = starter.clock.now()
    if all(getattr(receipt, name) == value for name, value in news.items()):
        return receipt
    return starter.ledger.save(receipt, **news)

"""Starts what there is room and money for, shard by shard."""

from __future__ import annotations

from pipeline.base.humanize import many
from pipeline.errors import DoubtError
from pipeline.jobs.lost_start import doubt, look_again, way_on
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.start import start
from pipeline.jobs.start_context import Starter
from pipeline.money.tariff import Tariff
from pipeline.sending.budget import afford
from pipeline.sending.queue_limits import full
from pipeline.sending.submit_options import Bounds


def start_shards(starter: Starter, waiting: list[Receipt], tariff: Tariff, bounds: Bounds) -> int:
    """Returns how many requests were sent.

    Raises DoubtError at the end for shards that only a person can have started again: they hold back no other.
    """
    ledger, sent, no_room, doubts = starter.ledger, 0, "", []
    for receipt in waiting:
        if why := full(ledger, receipt, bounds.limits(starter.provider, receipt.model), tariff):
            no_room = no_room or why
            continue
        try:
            sent += _start(starter, receipt, tariff, bounds)
        except DoubtError as error:
            doubts.append((ledger.receipts[receipt.shard], str(error)))
    if no_room:
        _say_waiting(starter, no_room)
    if doubts:
        raise _in_doubt(starter, doubts)
    return sent


def _in_doubt(starter: Starter, doubts: list[tuple[Receipt, str]]) -> DoubtError:
    """One error for all shards in doubt; of several each is said before."""
    receipts, texts = zip(*doubts, strict=True)
    if len(texts) == 1:
        return DoubtError(f"{texts[0]}. It is not started again. {way_on(receipts)}")
    for text in texts:
        starter.say(text)
    jobs = sum(receipt.lost for receipt in receipts)
    return DoubtError(
        f"up to {many(jobs, 'job')} of {many(len(receipts), 'shard')} may be paid; they are not started again. "
        f"{way_on(receipts)}"
    )


def _start(starter: Starter, receipt: Receipt, tariff: Tariff, bounds: Bounds) -> int:
    """Requests that were sent; 0 if a job was taken over. Money is asked for before each start of the shard."""
    while not receipt.ref:
        if receipt.lost and (receipt := look_again(starter, receipt)).ref:
            break
        afford(starter.ledger, [receipt], tariff, bounds)
        if receipt.lost:
            starter.say(f"{doubt(receipt)}; it is started again, which may pay again")
        receipt = start(starter, receipt)
        starter.again.discard(receipt.shard)  # a word is for one start
    starter.say(f"{receipt.shard}: {many(receipt.requests, 'request')}, job {receipt.ref['id']}")
    return receipt.requests if receipt.intent else 0  # a job that was taken over had no intent


def _say_waiting(starter: Starter, why: str) -> None:
    left = [receipt for receipt in starter.ledger if receipt.unstarted]
    requests = many(sum(receipt.requests for receipt in left), "request")
    starter.say(f"{many(len(left), 'shard')} ({requests}) wait for room: {why}")

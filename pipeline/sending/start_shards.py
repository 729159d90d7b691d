"""Starts what there is room and money for, shard by shard."""

from __future__ import annotations

from pipeline.base.humanize import many
from pipeline.errors import DoubtError
from pipeline.jobs.lost_start import look_again
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.start import start
from pipeline.jobs.start_context import Starter
from pipeline.money.tariff import Tariff
from pipeline.sending.budget import afford
from pipeline.sending.queue_limits import full
from pipeline.sending.submit_options import Bounds


def start_shards(starter: Starter, waiting: list[Receipt], tariff: Tariff, bounds: Bounds) -> int:
    """Returns how many requests were sent.

    Raises DoubtError at the end for a shard that only a person can have started again: it holds back no other.
    """
    ledger, sent, no_room, doubts = starter.ledger, 0, "", []
    for receipt in waiting:
        if why := full(ledger, receipt, bounds.limits(starter.provider, receipt.model), tariff):
            no_room = no_room or why
            continue
        try:
            sent += _start(starter, receipt, tariff, bounds)
        except DoubtError as error:
            doubts.append(error)
    if no_room:
        _say_waiting(starter, no_room)
    for error in doubts[:-1]:
        starter.say(str(error))
    if doubts:
        raise doubts[-1]
    return sent


def _start(starter: Starter, receipt: Receipt, tariff: Tariff, bounds: Bounds) -> int:
    """Requests that were sent; 0 if a job was taken over. Money is asked for before each start of the shard."""
    while not receipt.ref:
        if receipt.lost and (receipt := look_again(starter, receipt)).ref:
            break
        afford(starter.ledger, [receipt], tariff, bounds)
        receipt = start(starter, receipt)
        starter.again.discard(receipt.shard)  # a word is for one start
    starter.say(f"{receipt.shard}: {many(receipt.requests, 'request')}, job {receipt.ref['id']}")
    return receipt.requests if receipt.intent else 0  # a job that was taken over had no intent


def _say_waiting(starter: Starter, why: str) -> None:
    left = [receipt for receipt in starter.ledger if receipt.unstarted]
    requests = many(sum(receipt.requests for receipt in left), "request")
    starter.say(f"{many(len(left), 'shard')} ({requests}) wait for room: {why}")

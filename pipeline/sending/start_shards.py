"""Starts what there is room and money for, shard by shard."""

from __future__ import annotations

from pipeline.base.humanize import many
from pipeline.errors import DoubtError
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
    if doubts:
        raise doubts[0]
    return sent


def _start(starter: Starter, receipt: Receipt, tariff: Tariff, bounds: Bounds) -> int:
    started = start(starter, receipt, lambda one: afford(starter.ledger, [one], tariff, bounds))
    starter.say(f"{started.shard}: {many(started.requests, 'request')}, job {started.ref['id']}")
    return started.requests if started.intent else 0  # a job that was taken over had no intent


def _say_waiting(starter: Starter, why: str) -> None:
    left = [receipt for receipt in starter.ledger if receipt.unstarted]
    requests = many(sum(receipt.requests for receipt in left), "request")
    starter.say(f"{many(len(left), 'shard')} ({requests}) wait for room: {why}")

"""The line of a request: as it was sent, or as it is sent today."""

from __future__ import annotations

from pipeline.batch.request_line import encode
from pipeline.batch.whole_requests import sent_as
from pipeline.jobs.ledger import Ledger
from pipeline.provider import Provider


def line_of(ledger: Ledger, provider: Provider, request: dict) -> bytes:
    """The line of a request of the batch: as it was sent, if that was in other words than today's."""
    if "sent" in request:
        return ledger.at(request["sent"]["shard"], request["sent"]["at"])
    return encode(provider, sent_as(request))

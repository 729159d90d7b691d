"""Whether a job that was started by hand asks already what is to be paid for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from pipeline.errors import Busy, Rejected, SpendError
from pipeline.jobs.other_jobs import LIVING, content, started_with, unknown
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.start_context import Starter
from pipeline.jobs.which_job_is_ours import names
from pipeline.provider import Found

JOBS, LINES = 20, 20  # the newest that are looked into, and the first of each
NO_REQUEST = (ValueError, TypeError, AttributeError)


def check_elsewhere(starter: Starter, planned: list[Receipt]) -> None:
    """Raises SpendError if one of the account's other jobs asks some of it: a person has to say."""
    if not planned or starter.adopt or starter.replace or starter.again:
        return
    asked = dict(_asked(starter))
    for receipt in planned if asked else ():
        for line in starter.ledger.lines(receipt):
            if job := asked.get(content(starter.provider, line)):
                raise SpendError(
                    "the service already has a job for some of these very requests, which this run does not know: "
                    f"{names([job])}. `make submit ADOPT=1` takes its answers without paying, REPLACE=1 pays again"
                )


def _asked(starter: Starter) -> Iterator[tuple[bytes, Found]]:
    """What the beginnings of those jobs ask."""
    living = []
    with suppress(Busy):  # each start wants its own list, and waits for it
        living = [job for job in unknown(starter) if job.state in LIVING]
    for job in living[:JOBS]:
        with suppress(Busy, Rejected):  # what cannot be looked into is no reason to send nothing
            for line in islice(started_with(starter.provider, dict(job.ref)) or (), LINES):
                with suppress(*NO_REQUEST):
                    yield content(starter.provider, line), job

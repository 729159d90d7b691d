"""JSON=1: where a run stands, as one object; and the check that all is sent, which comes before results."""

from __future__ import annotations

from typing import Any

import click
import orjson

from pipeline.cli.given import Given
from pipeline.cli.named_run import named


def print_facts(given: Given, **more: Any) -> None:
    from pipeline.jobs.status import facts

    whole = facts(given.ws, lambda: given.tariff)
    print_json({**whole, "next": named(whole["next"]), **more})


def print_json(value: Any) -> None:
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def check_sent(given: Given, partial: bool) -> None:
    """Raises IncompleteError if a request has no job."""
    from pipeline.base.lock import lock
    from pipeline.sending.submit import submit
    from pipeline.sending.submit_options import Asked

    with lock(given.ws.lock, "results"):
        submit(given.ws, given.plugin, Asked(partial=partial), new_jobs=False, tariff=given.tariff)

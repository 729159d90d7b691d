"""JSON=1: where a run stands, as one object; and the check that all is sent, which comes before results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import orjson

from pipeline.cli.given import Given
from pipeline.cli.named_run import named
from pipeline.errors import PipelineError, clean


def print_facts(given: Given, **more: Any) -> None:
    from pipeline.jobs.status import facts

    whole = facts(given.ws, lambda: given.tariff)
    print_json({**whole, "next": named(whole["next"]), **more})


@contextmanager
def even_then(given: Given) -> Iterator[None]:
    """With JSON=1 what ends with an error prints where the run stands too: `error`, and the exit `code`."""
    try:
        yield
    except PipelineError as error:
        if given.JSON:
            more = {"error": clean(error), "code": error.code}
            _last(given, more)
        raise


def _last(given: Given, more: dict[str, Any]) -> None:
    try:
        print_facts(given, **more)
    except (PipelineError, OSError):  # what is damaged, or no run
        print_json({"run": given.ws.run, "provider": given.ws.provider, **more})


def print_json(value: Any) -> None:
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def check_sent(given: Given, partial: bool) -> None:
    """Raises IncompleteError if a request has no job."""
    from pipeline.base.lock import lock
    from pipeline.sending.submit import submit
    from pipeline.sending.submit_options import Asked

    with lock(given.ws.lock, "results"):
        submit(given.ws, given.plugin, Asked(partial=partial), new_jobs=False, tariff=given.tariff)

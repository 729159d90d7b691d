"""The command `batch`."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.base.humanize import many
from pipeline.cli.command import command
from pipeline.cli.from_make import goals, reads_only
from pipeline.cli.given import Given
from pipeline.cli.main import say, tell
from pipeline.cli.options import ASKING, READING, nothing

if TYPE_CHECKING:
    from pipeline.batch.prompt import Prompt


@command("batch", f"RUN PROVIDER files {READING} {ASKING} WORKERS VERBOSE")
def batch(given: Given) -> None:
    """Turn transcripts into requests, one a line (free). FILES, or those of the run, are read first."""
    from pipeline.base.lock import lock
    from pipeline.batch.whole_requests import prompt_of
    from pipeline.cli import asking
    from pipeline.jobs.older_workspaces import remember

    gone = given.as_made and not given.ws.transcripts.exists()  # and the sources, as `transcripts` found out
    if (reads_only() or gone) and given.ws.batch.exists():  # make -B
        return
    if given.files:
        named = {"TRANSCRIPTS": shlex.join(map(str, given.files))}
        given = replace(given, values={**given.values, **named}, typed=given.typed | named.keys())
    plugin = given.plugin
    remember(given.ws, lambda: plugin)
    asked = None if given.files or prompt_of(given.ws) else asking.asked(given)
    _read(given)
    with lock(given.ws.lock, "batch"):
        whole = prompt_of(given.ws)
        tell(_whole(given, whole) if whole else _batch(given, asked or asking.asked(given)))


def _read(given: Given) -> None:
    """What two commands before this one do under make: read the transcripts, and stamp what is read and asked."""
    from pipeline.base.lock import lock
    from pipeline.batch.remembered_settings import settings
    from pipeline.cli import asking, inputs

    reading = inputs.reading(given)
    if goals() or not reading.transcripts:
        return
    found = inputs.files(given, reading.transcripts)
    with lock(given.ws.lock, "transcripts"):
        inputs.read(given, found, reading.encoding, reading.errors == "skip", given.WORKERS)
    settings(given.ws, reading, asking.stamp(given), found)


def _whole(given: Given, prompt: Prompt) -> str:
    """Of requests that a person made: what is typed for other ones does not apply."""
    if idle := [name for name in ASKING.split() if name in given.typed and getattr(given, name)]:
        does = "does" if len(idle) == 1 else "do"
        say(f"{' and '.join(idle)} {does} not apply: these are whole requests, which stay as they are")
    values = {**given.values, **{name: nothing(name) for name in ASKING.split()}}
    return _batch(replace(given, values=values, typed=given.typed - {*ASKING.split()}, local=frozenset()), [prompt])


def _batch(given: Given, asked: list[Prompt]) -> str:
    """How many requests there are. What was sent before is handed to the stage, which knows no ledger."""
    from pipeline.batch.build_requests import batch
    from pipeline.cli.keep import keep_asking
    from pipeline.jobs.keep_as_sent import Kept
    from pipeline.jobs.ledger import Ledger
    from pipeline.money.prices import unheard_of

    before = Kept(Ledger(given.ws))
    count = batch(given.ws, given.plugin, asked, before, given.OVERLAP, given.VERBOSE, say)
    if not given.as_it_is:
        keep_asking(given, asked)
    models = list(dict.fromkeys(one.model for one in asked))
    for model, near in unheard_of(given.PROVIDER, models):
        say(f"warning: {model} is no model that is known here; {near}?")
    return f"{many(count, 'request')} for {', '.join(models)}; next: `make try`, `make plan`"

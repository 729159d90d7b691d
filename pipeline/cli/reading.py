"""Commands that read: nothing is sent, and nothing costs anything."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from pipeline.base.humanize import many
from pipeline.base.workspace import Workspace
from pipeline.cli.doors import main, say
from pipeline.cli.options import asking, reading, verbose, workers, workspace
from pipeline.errors import InputError


@main.command()
@workspace
@reading
@asking
def settings(
    run: str, provider: str, files: tuple[Path, ...], words: str, encoding: str, errors: str | None, **asking: Any
) -> None:
    """Stamp the variables and inputs for Make (free)."""
    from pipeline.batch.prompt_file import load, named
    from pipeline.batch.settings import code, settings
    from pipeline.jobs.older_releases import remember
    from pipeline.plugins import find

    ws = Workspace.of(run, provider)
    plugin = find.provider(provider)
    remember(ws, lambda: plugin)
    reading = _reading(ws, words, encoding, errors)
    paths = [Path(named(word)) for word in (asking["prompts"] or asking["prompt"]).split()]
    schemas = [load(str(path)).answer for path in paths if path.exists()]
    asking["files"] = [*paths, *(Path(schema) for schema in schemas if isinstance(schema, str))]
    for name in ("template", "answer"):
        asking[name] = Path(asking[name]) if asking[name] else ""
    asking["code"] = code(plugin)
    asking["local_model"] = os.environ.get("LOCAL_MODEL", "")
    settings(ws, reading, asking, _paths(ws, files, reading.transcripts))


@main.command(hidden=True)
@workspace
def remember(run: str, provider: str) -> None:
    """Write down what older releases sent, before `make clean` removes what tells it (free)."""
    from pipeline.jobs.older_releases import remember
    from pipeline.plugins import find

    remember(Workspace.of(run, provider), lambda: find.provider(provider))


@main.command()
@workspace
@reading
@workers
@verbose
def transcripts(
    run: str,
    provider: str,
    files: tuple[Path, ...],
    words: str,
    encoding: str,
    errors: str | None,
    workers: int | None,
    verbose: bool,
) -> None:
    """Read transcripts as people have them, one a line (free)."""
    from pipeline.base.files import lock
    from pipeline.jobs.older_releases import remember
    from pipeline.plugins import find

    ws = Workspace.of(run, provider)
    remember(ws, lambda: find.provider(provider))
    reading = _reading(ws, words, encoding, errors)
    paths = _paths(ws, files, reading.transcripts)
    with lock(ws.lock, "transcripts"):
        _ingest(ws, paths, reading.encoding, reading.errors == "skip", workers, verbose)


@main.command()
@workspace
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@asking
@verbose
def batch(
    run: str,
    provider: str,
    files: tuple[Path, ...],
    verbose: bool,
    model: str,
    prompt: str,
    prompts: str,
    template: str,
    max_tokens: int | None,
    extra: str,
    answer: str,
    context: int | None,
    long: str,
    overlap: int | None,
    **sampling: float | None,
) -> None:
    """Turn transcripts into requests, one a line (free). FILES are read first, as `transcripts` does."""
    from pipeline.base.files import lock
    from pipeline.batch import prompt as asking
    from pipeline.batch.build import batch
    from pipeline.batch.context_window import windowed
    from pipeline.batch.saved_prompts import models
    from pipeline.jobs.keep_as_sent import as_before
    from pipeline.jobs.ledger import Ledger
    from pipeline.jobs.older_releases import remember
    from pipeline.plugins import find

    ws = Workspace.of(run, provider)
    plugin = find.provider(provider)
    remember(ws, lambda: plugin)
    ledger = Ledger(ws)
    asked = asking.prompts(
        prompts.split() or [prompt],
        template,
        model=model,
        max_tokens=max_tokens,
        sampling=sampling,
        extra=extra,
        schema=answer,
        default_model=plugin.default_model or next((one.model for one in ledger), ""),
    )
    usual, last = asked, models(ws)
    asked = usual if plugin.own_model else [as_before(one, last, ledger) for one in usual]
    for model in sorted({one.model for one in asked} - {one.model for one in usual}):
        say(f"model {model}, to which this run was sent; MODEL= says another")
    asked = windowed([asking.expressed(one, plugin) for one in asked], plugin, context, long)
    for one in asked:
        if one.literal:
            say(f"warning: {one.literal} in the system prompt is sent as it stands; below a line `---` it is not")
    with lock(ws.lock, "batch"):
        if files:
            _ingest(ws, list(files), "", skip=False, workers=None, verbose=verbose)
        count = batch(ws, plugin, asked, overlap, verbose, say)
    click.echo(f"{many(count, 'request')} for {', '.join(dict.fromkeys(one.model for one in asked))}")


@main.command()
@workspace
@reading
@workers
@click.option("--kind", type=click.Choice(["transcript", "request", "result"]), default="transcript")
def validate(
    run: str,
    provider: str,
    files: tuple[Path, ...],
    words: str,
    encoding: str,
    errors: str | None,
    workers: int | None,
    kind: str,
) -> None:
    """Read everything, check each line against its schema, and list every fault (free)."""
    from pipeline.base.processes import cores
    from pipeline.transcripts.validate import check

    ws = Workspace.of(run, provider)
    reading = _reading(ws, words, encoding, errors)
    for line in check(_paths(ws, files, reading.transcripts), kind, reading.encoding, workers or cores()):
        click.echo(line)


def _reading(ws: Workspace, words: str, encoding: str, errors: str | None) -> Any:
    """What is read and how: as given, else as the last time in this run."""
    from pipeline.batch.settings import Reading
    from pipeline.transcripts.encoding import known

    return Reading(words, known(encoding), errors or "").recalled(ws)


def _paths(ws: Workspace, files: tuple[Path, ...], words: str) -> list[Path]:
    from pipeline.transcripts.find_files import paths

    found = list(files) or paths(words)
    if ws.results in found:
        raise InputError(f"{words}: a run cannot read its own answers; choose another RUN=")
    return found


def _ingest(
    ws: Workspace, paths: list[Path], encoding: str, skip: bool, workers: int | None, verbose: bool
) -> None:
    from pipeline.base.processes import cores
    from pipeline.jobs.progress import Bar
    from pipeline.transcripts.find_files import sources
    from pipeline.transcripts.ingest import ingest

    live = sys.stderr.isatty()
    bar = Bar(sum(1 for _ in sources(paths)) if live else 0, live)
    how = {"encoding": encoding, "skip": skip, "workers": workers or cores(), "verbose": verbose}
    try:
        tally = ingest(ws, paths, **how, say=bar.news, done=bar.advance)
    finally:
        bar.end()
    formats = ", ".join(f"{count:,} {name}" for name, count in tally.formats.most_common())
    click.echo(f"{many(tally.transcripts, 'transcript')}: {formats}")
    if tally.rejected:
        click.echo(f"{many(tally.rejected, 'transcript')} left out, with the reasons in {ws.rejected}")
    if tally.passed:
        passed = ", ".join(f"{count:,} {name}" for name, count in tally.passed.most_common(8))
        say(f"not read, by their suffix or name: {passed}")

"""Commands are doors, not rooms: each parses, calls one function and prints.

Every option can also come from the environment, under the name that the Makefile uses.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pipeline.errors import Busy, IncompleteError, InputError, PipelineError
from pipeline.words import many
from pipeline.workspace import Workspace

AGAIN = "`make submit RETRY=1` sends those without an answer again"


class Doors(click.Group):
    """One place turns every error into one line and an exit code; a bug keeps its traceback."""

    def main(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().main(*args, **{**kwargs, "standalone_mode": False})
        except Busy as error:
            _fail(f"{error}; nothing is lost: run the same goal again", error.code)
        except PipelineError as error:
            _fail(str(error), error.code)
        except click.ClickException as error:
            _fail(error.format_message(), 2)
        except (click.Abort, KeyboardInterrupt):
            _fail("stopped; everything that was begun is written down: run the same goal again", 130)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            _fail(f"{error.filename or 'file'}: {error.strerror or error}", 74)


def _fail(text: str, code: int) -> None:
    click.echo(f"error: {text}", err=True)
    sys.exit(code)


def _say(text: str) -> None:
    click.echo(text, err=True)


@click.group(cls=Doors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="transcript-batch")
def main() -> None:
    """Transcripts in, a language model's answer for each out. `make` lists the goals."""
    os.umask(0o077)  # transcripts and answers are nobody else's business


def variable(name: str, *flags: str, **kwargs: Any) -> Callable:
    """An option that the variable `name` of the Makefile (or the environment) also sets."""
    return click.option(*flags, envvar=name, show_envvar=True, **kwargs)


def workspace(command: Callable) -> Callable:
    run = variable("RUN", "--run", default="default", show_default=True, help="Name of the run.")
    provider = variable("PROVIDER", "--provider", default="together", show_default=True, help="Plugin to use.")
    return run(provider(command))


def reading(command: Callable) -> Callable:
    """What decides which transcripts there are, and how they are read."""
    options = [
        click.argument("files", nargs=-1, type=click.Path(path_type=Path)),
        variable(
            "TRANSCRIPTS",
            "--transcripts",
            "words",
            default="",
            help="Files or folders; those of the last time without it.",
        ),
        variable(
            "ENCODING", "--encoding", default="", help="Encoding of the files; found out for each without it."
        ),
        variable(
            "ERRORS",
            "--errors",
            type=click.Choice(["stop", "skip"]),
            help="A transcript that cannot be read: stop there (the default), or list it in rejected.jsonl.",
        ),
    ]
    return _all(options, command)


def workers(command: Callable) -> Callable:
    return variable(
        "WORKERS", "--workers", type=click.IntRange(1), help="Processes that read files; the processors without it."
    )(command)


def verbose(command: Callable) -> Callable:
    return variable("VERBOSE", "--verbose", is_flag=True, help="A line for each file, and every warning.")(command)


def asking(command: Callable) -> Callable:
    """What decides the content of a request."""
    options = [
        variable("MODEL", "--model", default="", help="Model; the provider's own default without it."),
        variable("PROMPT", "--prompt", default="", help="File with the system prompt."),
        variable("TEMPLATE", "--template", default="", help="File with the user message; {{ text }} in it."),
        variable("MAX_TOKENS", "--max-tokens", type=click.IntRange(1), default=4000, show_default=True),
        variable("TEMPERATURE", "--temperature", type=click.FloatRange(0, 2)),
        variable("TOP_P", "--top-p", type=click.FloatRange(0, 1, min_open=True)),
        variable("EXTRA", "--extra", default="", help="JSON object of further body fields."),
        variable("CONTEXT", "--context", type=click.IntRange(1), help="The model's window in tokens, to warn by."),
    ]
    return _all(options, command)


def _all(options: list[Callable], command: Callable) -> Callable:
    for option in reversed(options):
        command = option(command)
    return command


def _reading(ws: Workspace, words: str, encoding: str, errors: str | None) -> Any:
    """What is read and how: as given, else as the last time in this run."""
    from pipeline.settings import Reading
    from pipeline.transcripts.decode import known

    return Reading(words, known(encoding), errors or "").recalled(ws)


def _paths(files: tuple[Path, ...], words: str) -> list[Path]:
    from pipeline.transcripts.paths import paths

    return list(files) or paths(words)


@main.command()
@workspace
@reading
@asking
def settings(
    run: str, provider: str, files: tuple[Path, ...], words: str, encoding: str, errors: str | None, **asking: Any
) -> None:
    """Stamp the variables and inputs for Make (free)."""
    from pipeline import plugins
    from pipeline.settings import settings

    ws = Workspace.of(run, provider)
    plugins.provider(provider)
    reading = _reading(ws, words, encoding, errors)
    for name in ("prompt", "template"):
        asking[name] = Path(asking[name]) if asking[name] else ""
    asking["local_model"] = os.environ.get("LOCAL_MODEL", "")
    settings(ws, reading, asking, _paths(files, reading.transcripts))


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
    from pipeline.files import lock

    ws = Workspace.of(run, provider)
    reading = _reading(ws, words, encoding, errors)
    paths = _paths(files, reading.transcripts)
    with lock(ws.lock, "transcripts"):
        _ingest(ws, paths, reading.encoding, reading.errors == "skip", workers, verbose)


def _ingest(
    ws: Workspace, paths: list[Path], encoding: str, skip: bool, workers: int | None, verbose: bool
) -> None:
    from pipeline.ingest import ingest
    from pipeline.pool import cores
    from pipeline.progress import Bar
    from pipeline.transcripts.paths import sources

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
        _say(f"not read, by their suffix or name: {passed}")


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
    template: str,
    max_tokens: int,
    extra: str,
    context: int | None,
    **sampling: float | None,
) -> None:
    """Turn transcripts into requests, one a line (free). FILES are read first, as `transcripts` does."""
    from pipeline import plugins
    from pipeline import prompt as prompts
    from pipeline.batch import batch
    from pipeline.files import lock

    ws = Workspace.of(run, provider)
    plugin = plugins.provider(provider)
    model = model or plugin.default_model or ""
    if not model:
        raise InputError(f"{provider} has no default model; name one: `make batch MODEL=…`")
    fields = {name: value for name, value in sampling.items() if value is not None}
    fields |= prompts.extra(extra)
    asked = prompts.Prompt(model, prompts.load(prompt, "PROMPT"), prompts.template(template), max_tokens, fields)
    plugin.encode({"custom_id": "a", "body": asked.body({})})  # what it cannot express is said here, and once
    with lock(ws.lock, "batch"):
        if files:
            _ingest(ws, list(files), "", skip=False, workers=None, verbose=verbose)
        count = batch(ws, asked, context or plugin.limits(model).context, verbose, _say)
    click.echo(f"{many(count, 'request')} for {model}")


def starting(command: Callable) -> Callable:
    """What a command needs that may look for a lost job."""
    settle = variable(
        "SETTLE",
        "--settle",
        type=click.FloatRange(0),
        default=300,
        show_default=True,
        help="Seconds before a start whose answer was lost, and of which no job is listed, is repeated.",
    )
    return workspace(settle(command))


@main.command()
@starting
@variable("RETRY", "--retry", is_flag=True, help="Send requests without an answer again.")
@variable("REPLACE", "--replace", is_flag=True, help="Pay again for what was sent with another body.")
@variable(
    "ADOPT", "--adopt", is_flag=True, help="Take over a job of the same requests that this run does not know."
)
@click.option("--no-new-jobs", is_flag=True, help="Only check that every request has a job; never pay.")
def submit(
    run: str, provider: str, settle: float, retry: bool, replace: bool, adopt: bool, no_new_jobs: bool
) -> None:
    """Start jobs for requests that have none: the only command that costs money."""
    from pipeline import plugins
    from pipeline.files import lock
    from pipeline.submit import submit

    ws = Workspace.of(run, provider)
    plugin = plugins.provider(provider)
    with lock(ws.lock, "submit"):
        done = submit(
            ws,
            plugin,
            new_jobs=not no_new_jobs,
            retry=retry,
            replace=replace,
            adopt=adopt,
            settle=settle,
            say=_say,
        )
    if not no_new_jobs:
        sent = f"{done['sent_now']:,} sent now" if done["sent_now"] else "nothing was sent"
        whole = f"{many(done['requests'], 'request')} in {many(len(done['jobs']), 'job')}"
        with_these = "" if provider == "together" else f" PROVIDER={provider}"
        click.echo(f"{sent}; {whole}; next: `make results{with_these}`, with the same variables")


@main.command()
@starting
@variable("WAIT", "--wait", is_flag=True, help="Poll until every job has ended.")
@variable("POLL", "--poll", type=click.FloatRange(0), help="Seconds between polls; the provider's own without it.")
@variable("STRICT", "--strict", is_flag=True, help="Exit 3 if a request has no answer.")
def results(run: str, provider: str, settle: float, wait: bool, poll: float | None, strict: bool) -> None:
    """Collect the output of the jobs, one line per request (free)."""
    from pipeline import plugins
    from pipeline.clock import Clock
    from pipeline.progress import Progress
    from pipeline.status import total
    from pipeline.watch import Watch

    ws = Workspace.of(run, provider)
    plugin = plugins.provider(provider)
    progress = Progress(live=wait and sys.stderr.isatty())
    show = progress.show if wait else lambda ledger: None
    watch = Watch(ws, plugin, Clock(), progress.news, show, settle, poll)
    try:
        counts = watch.results(wait)
    finally:
        progress.end()
    click.echo(total(counts))
    complete = counts["ok"] == sum(counts.values()) - counts["cut"]
    for line in (plugin.caveat, _cut(counts["cut"]), "" if complete else f"{AGAIN}, and pays for them"):
        if line:
            click.echo(line)
    if strict:
        _strict(total(counts), complete)


def _cut(count: int) -> str:
    return f"cut at max_tokens (finish_reason length): {many(count, 'answer')}" if count else ""


def _strict(text: str, complete: bool) -> None:
    if not complete:
        raise IncompleteError(f"{text}; {AGAIN}")


@main.command()
@workspace
@click.option("--strict", is_flag=True, help="Exit 3 if a request has no answer.")
def status(run: str, provider: str, strict: bool) -> None:
    """Say where every job stands and what to type next (free, no network)."""
    from pipeline.status import outcomes, status, total

    ws = Workspace.of(run, provider)
    for line in status(ws):
        click.echo(line)
    if strict:
        counts = outcomes(ws)
        _strict(total(counts), counts["ok"] == sum(counts.values()))


@main.command()
@starting
def cancel(run: str, provider: str, settle: float) -> None:
    """End all running jobs early; finished rows stay paid and are still fetched."""
    from pipeline import plugins
    from pipeline.cancel import cancel
    from pipeline.clock import Clock
    from pipeline.files import lock
    from pipeline.ledger import Ledger
    from pipeline.start import Starter

    ws = Workspace.of(run, provider)
    plugin = plugins.provider(provider)
    with lock(ws.lock, "cancel"):
        ledger = Ledger(ws)
        count = cancel(ledger, plugin, Starter(ledger, plugin, Clock(), _say, settle), _say)
    click.echo(
        f"asked {many(count, 'job')} to end; `make results` fetches what they finished" if count else "no job runs"
    )


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
    from pipeline.check import check
    from pipeline.pool import cores

    reading = _reading(Workspace.of(run, provider), words, encoding, errors)
    for line in check(_paths(files, reading.transcripts), kind, reading.encoding, workers or cores()):
        click.echo(line)


@main.command()
@workspace
def show(run: str, provider: str) -> None:
    """Print the answers for reading (free)."""
    from pipeline.show import show

    click.echo("\n".join(show(Workspace.of(run, provider))))


@main.command()
def providers() -> None:
    """List the provider plugins: keys, limits, discounts (free, no network)."""
    from pipeline.catalog import catalog

    click.echo("\n".join(catalog()))

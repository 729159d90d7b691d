"""Commands that fetch and show."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

import click

from pipeline.base.humanize import many
from pipeline.base.workspace import Workspace
from pipeline.cli.doors import main, say
from pipeline.cli.options import Number, money, starting, variable, workspace
from pipeline.errors import IncompleteError

AGAIN = "`make submit RETRY=1` sends those without an answer again"


@main.command()
@starting
@money
@variable("WAIT", "--wait", is_flag=True, help="Poll until every job has ended.")
@variable("POLL", "--poll", type=Number(0), help="Seconds between polls; the provider's own without it.")
@variable("STRICT", "--strict", is_flag=True, help="Exit 3 if a request has no answer.")
def results(
    run: str,
    provider: str,
    settle: float,
    price_in: float | None,
    price_out: float | None,
    wait: bool,
    poll: float | None,
    strict: bool,
) -> None:
    """Collect the output of the jobs, one line per request (free)."""
    from pipeline.base.clock import Clock
    from pipeline.jobs.ledger import Ledger
    from pipeline.jobs.progress import Progress
    from pipeline.jobs.status import costs, rows, total
    from pipeline.money.cost import Tariff
    from pipeline.plugins import find
    from pipeline.results.wait import Watch

    ws = Workspace.of(run, provider)
    plugin = find.provider(provider)
    progress = Progress(live=wait and sys.stderr.isatty())
    show = progress.show if wait else lambda ledger: None
    tariff = Tariff(plugin, price_in, price_out)
    watch = Watch(ws, plugin, Clock(), progress.news, show, settle, poll, tariff)
    try:
        counts = watch.results(wait)
    finally:
        progress.end()
    click.echo(total(counts))
    for label, words in costs(Ledger(ws), tariff):
        click.echo(f"{label}: {words}" if label else f"      {words}")
    complete = counts["ok"] == rows(counts)
    for line in (plugin.caveat, *_odd(counts), _rounds(counts) or _again(counts)):
        if line:
            click.echo(line)
    if strict:
        _strict(total(counts), complete, _rounds(counts))


def _again(counts: Mapping[str, int]) -> str:
    from pipeline.jobs.status import rows

    if counts["unsent"]:
        return "`make submit` sends those that were not sent yet"
    return "" if counts["ok"] == rows(counts) else f"{AGAIN}, and pays for them"


def _rounds(counts: Mapping[str, int]) -> str:
    """What later rounds need; with a sample, `make submit` alone would send all the others too."""
    if not counts["combining"]:
        return ""
    goal = "`make submit` with the same SAMPLE" if counts["unsent"] > counts["waiting"] else "`make submit`"
    return f"{goal} combines answers to parts: {many(counts['combining'], 'request')}"


def _odd(counts: Mapping[str, int]) -> Iterator[str]:
    """What is counted beside the outcomes, and worth a look."""
    if counts["cut"]:
        yield f"cut at max_tokens (finish_reason length): {many(counts['cut'], 'answer')}"
    if counts["refused"]:
        yield f"refused by the model or a filter: {many(counts['refused'], 'request')}"


def _strict(text: str, complete: bool, rounds: str = "") -> None:
    if not complete:
        raise IncompleteError(f"{text}; {rounds or AGAIN}")


@main.command()
@workspace
@money
@click.option("--strict", is_flag=True, help="Exit 3 if a request has no answer.")
def status(run: str, provider: str, price_in: float | None, price_out: float | None, strict: bool) -> None:
    """Say where every job stands, what it cost, and what to type next (free, no network)."""
    from pipeline.jobs.status import outcomes, rows, status, total
    from pipeline.money.cost import Tariff
    from pipeline.plugins import find

    ws = Workspace.of(run, provider)
    for line in status(ws, lambda: Tariff(find.provider(provider), price_in, price_out)):
        click.echo(line)
    if strict:
        counts = outcomes(ws)
        _strict(total(counts), counts["ok"] == rows(counts))


@main.command()
@starting
def cancel(run: str, provider: str, settle: float) -> None:
    """End all running jobs early; finished rows stay paid and are still fetched."""
    from pipeline.base.clock import Clock
    from pipeline.base.files import lock
    from pipeline.jobs.cancel import cancel
    from pipeline.jobs.ledger import Ledger
    from pipeline.jobs.start import Starter
    from pipeline.plugins import find

    ws = Workspace.of(run, provider)
    plugin = find.provider(provider)
    with lock(ws.lock, "cancel"):
        ledger = Ledger(ws)
        count = cancel(ledger, plugin, Starter(ledger, plugin, Clock(), say, settle), say)
    click.echo(
        f"asked {many(count, 'job')} to end; `make results` fetches what they finished" if count else "no job runs"
    )


@main.command()
@workspace
def show(run: str, provider: str) -> None:
    """Print the answers for reading (free)."""
    from pipeline.results.show import show

    click.echo("\n".join(show(Workspace.of(run, provider))))


@main.command()
@workspace
def export(run: str, provider: str) -> None:
    """Write the results as a table, results.csv: a column for each field of the answers (free)."""
    from pipeline.results.export import export

    ws = Workspace.of(run, provider)
    click.echo(f"{many(export(ws), 'result')}: {ws.table}")


@main.command()
def providers() -> None:
    """List the provider plugins: keys, limits, discounts (free, no network)."""
    from pipeline.plugins.catalog import catalog

    click.echo("\n".join(catalog()))


@main.command()
@workspace
@variable("ID", "--id", "wanted", default="", help="The transcript's id; the first one without it.")
@variable("JSON", "--json", "as_json", is_flag=True, help="The line as it is sent.")
def preview(run: str, provider: str, wanted: str, as_json: bool) -> None:
    """Show the request for one transcript, as it would be sent (free, no network)."""
    from pipeline.batch.preview import preview
    from pipeline.plugins import find

    for line in preview(Workspace.of(run, provider), find.provider(provider), wanted, as_json):
        click.echo(line)


@main.command()
def prompts() -> None:
    """List the prompts in data/prompts: what each is for, and an answer it brings (free)."""
    from pipeline.batch.preview import prompts

    for line in prompts():
        click.echo(line)

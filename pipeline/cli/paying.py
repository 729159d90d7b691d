"""Commands that say what is to be paid, and those that pay: `submit`, and for a few answers at once `try`."""

from __future__ import annotations

import shutil
from typing import Any

import click
import orjson

from pipeline.base.humanize import dollars, many
from pipeline.base.workspace import Workspace
from pipeline.cli.doors import main, say
from pipeline.cli.options import Number, asked, money, sending, starting, variable, workspace


@main.command()
@workspace
@sending
@variable("CONTEXT", "--context", type=click.IntRange(1), help="The model's window in tokens.")
@variable("JSON", "--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def plan(
    run: str,
    provider: str,
    price_in: float | None,
    price_out: float | None,
    context: int | None,
    as_json: bool,
    **sending: Any,
) -> None:
    """Say what `submit` would send, and what that costs (free: no key, no network, writes nothing)."""
    from pipeline.money.cost import Tariff
    from pipeline.plugins import find
    from pipeline.sending import plan_table
    from pipeline.sending.plan import plan

    plugin = find.provider(provider)
    made = plan(Workspace.of(run, provider), plugin, asked(**sending), Tariff(plugin, price_in, price_out), context)
    if as_json:
        click.echo(orjson.dumps(plan_table.facts(made), option=orjson.OPT_INDENT_2))
    for line in () if as_json else plan_table.table(made):
        click.echo(line)


@main.command(name="try")
@workspace
@money
@variable("N", "--number", "number", type=click.IntRange(1), default=3, show_default=True, help="Transcripts.")
@variable("ID", "--id", "wanted", default="", help="The transcript's id; some of all lengths without it.")
@variable("BUDGET", "--budget", type=Number(0), help="Dollars that these answers may cost.")
@variable("JSON", "--json", "as_json", is_flag=True, help="For programs: a JSON object a line.")
def trying(
    run: str,
    provider: str,
    price_in: float | None,
    price_out: float | None,
    number: int,
    wanted: str,
    budget: float | None,
    as_json: bool,
) -> None:
    """Answer a few requests at once, at the full price, and show each answer beside its prompt (costs cents)."""
    from pipeline.base.files import lock
    from pipeline.money.cost import Tariff
    from pipeline.plugins import find
    from pipeline.sending import try_columns, try_few

    ws, plugin = Workspace.of(run, provider), find.provider(provider)
    tariff = Tariff(plugin, price_in, price_out)
    with lock(ws.lock, "try"):
        pairs = try_few.chosen(ws, number, wanted)
        most = try_few.most([request for request, _ in pairs], tariff)
        cost = "the price is not known" if most is None else f"{dollars(most)} at most"
        say(f"{many(len(pairs), 'request')} at once: {cost}")
        done = []
        for one in try_few.trial(ws, plugin, pairs, tariff, budget):
            done.append(one)
            width = shutil.get_terminal_size((140, 24)).columns
            for line in (
                [orjson.dumps(try_columns.facts(one)).decode()] if as_json else try_columns.columns(one, width)
            ):
                click.echo(line)
    say(try_few.summary(done, plugin.caveat))


@main.command()
@starting
@sending
@variable(
    "ADOPT", "--adopt", is_flag=True, help="Take over a job of the same requests that this run does not know."
)
@variable("PARTIAL", "--partial", is_flag=True, help="Collect what was sent, though not all was.")
@variable("WAIT", "--wait", is_flag=True, help="Send on as jobs end, until all is sent.")
@variable("POLL", "--poll", type=Number(0), help="Seconds between polls; the provider's own without it.")
@click.option("--no-new-jobs", is_flag=True, help="Only check that every request has a job; never pay.")
def submit(
    run: str,
    provider: str,
    settle: float,
    wait: bool,
    poll: float | None,
    no_new_jobs: bool,
    price_in: float | None,
    price_out: float | None,
    **sending: Any,
) -> None:
    """Start jobs for requests that have none: the command that costs money."""
    from pipeline.base.clock import Clock
    from pipeline.money.cost import Tariff
    from pipeline.plugins import find
    from pipeline.results.wait import Watch
    from pipeline.sending.until_all_sent import sendall

    ws, plugin = Workspace.of(run, provider), find.provider(provider)
    tariff = Tariff(plugin, price_in, price_out)
    watch = Watch(ws, plugin, Clock(), say, settle=settle, poll=poll, tariff=tariff)
    done = sendall(watch, asked(**sending), wait=wait, new_jobs=not no_new_jobs)
    if not no_new_jobs:
        sent = f"{done['sent_now']:,} sent now" if done["sent_now"] else "nothing was sent"
        whole = f"{many(done['requests'], 'request')} in {many(len(done['jobs']), 'job')}"
        if done["unsent"]:
            whole = f"{done['unsent']:,} of {many(done['requests'], 'request')} not sent yet"
        with_these = "" if provider == "together" else f" PROVIDER={provider}"
        click.echo(f"{sent}; {whole}; next: `make results{with_these}`, with the same variables")

"""The command `try`."""

from __future__ import annotations

from collections.abc import Iterator

import click
import orjson

from pipeline.base.humanize import dollars, many
from pipeline.cli.check_line import check
from pipeline.cli.command import command
from pipeline.cli.given import Given
from pipeline.cli.main import say
from pipeline.cli.options import ASKING, PRICES, READING
from pipeline.cli.wrap import width


@command("try", f"RUN PROVIDER {PRICES} N ID BUDGET ACCOUNT JSON", also=f"{READING} {ASKING}")
def try_few(given: Given) -> None:
    """Answer a few requests at once, at the full price, and show each answer beside its prompt (costs cents)."""
    from pipeline.base.lock import lock
    from pipeline.jobs.ledger import Ledger
    from pipeline.jobs.same_account import same_account
    from pipeline.sending import try_few

    check(given)
    ws, plugin, done = given.ws, given.plugin, []
    with lock(ws.lock, "try"):
        same_account(Ledger(ws), plugin, given.ACCOUNT, pays=True)
        pairs = _chosen(given)
        for one in try_few.trial(ws, plugin, pairs, given.tariff, given.BUDGET):
            done.append(one)
            click.echo("\n".join(_lines(one, given.JSON)))
    say(try_few.summary(done, plugin.caveat))


def _chosen(given: Given) -> list:
    """The requests to try; says what they may cost."""
    from pipeline.sending import try_few

    pairs = try_few.chosen(given.ws, given.N, given.ID)
    most = try_few.most([request for request, _ in pairs], given.tariff)
    cost = "the price is not known" if most is None else f"{dollars(most)} at most"
    say(f"{many(len(pairs), 'request')} at once: {cost}")
    return pairs


def _lines(one: object, as_json: bool) -> Iterator[str]:
    from pipeline.sending import try_columns

    if as_json:
        yield orjson.dumps(try_columns.facts(one)).decode()
    else:
        yield from try_columns.columns(one, width())

"""The command `plan`."""

from __future__ import annotations

from pipeline.cli.command import command
from pipeline.cli.given import Given
from pipeline.cli.main import say, tell
from pipeline.cli.options import CORRECTING, PLANNING
from pipeline.cli.print_facts import print_json


@command("plan", f"RUN PROVIDER {PLANNING} {CORRECTING} CONTEXT JSON")
def plan(given: Given) -> None:
    """Say what `submit` would send, and what that costs (free: no key, no network, writes nothing)."""
    from pipeline.cli.differences import since
    from pipeline.sending.plan import plan
    from pipeline.sending.plan_json import facts
    from pipeline.sending.plan_table import table

    given.known()
    made = plan(given.ws, given.plugin, given.asked, given.tariff, given.CONTEXT)
    if given.JSON:
        print_json(facts(made))
    for line in () if given.JSON else table(made):
        tell(line)
    for line in since(given):
        say(line)

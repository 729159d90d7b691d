"""The command `status`."""

from __future__ import annotations

from pipeline.cli.check_complete import check_complete
from pipeline.cli.command import command
from pipeline.cli.given import Given
from pipeline.cli.main import tell
from pipeline.cli.options import PRICES
from pipeline.cli.print_facts import print_facts


@command("status", f"RUN PROVIDER {PRICES} JSON strict")
def status(given: Given) -> None:
    """Say where every job stands, what it cost, and what to type next (free, no network)."""
    from pipeline.jobs.count_outcomes import outcomes
    from pipeline.jobs.status import status

    if given.typed & {"RUN", "PROVIDER"}:
        given.known()
    if given.JSON:
        print_facts(given)
    for line in () if given.JSON else status(given.ws, lambda: given.tariff):
        tell(line)
    if given.strict:
        check_complete(outcomes(given.ws))

"""The command `export`."""

from __future__ import annotations

from pipeline.base.humanize import many
from pipeline.cli.command import command
from pipeline.cli.given import Given
from pipeline.cli.main import tell


@command("export", "RUN PROVIDER")
def export(given: Given) -> None:
    """Write the results as a table, results.csv: a column for each field of the answers (free)."""
    from pipeline.results.export import export

    given.known()
    tell(f"{many(export(given.ws), 'result')}: {given.ws.table}")

"""The command `providers`."""

from __future__ import annotations

from pipeline.cli.command import command
from pipeline.cli.given import Given
from pipeline.cli.main import tell
from pipeline.cli.wrap import entries


@command("providers", "")
def providers(given: Given) -> None:
    """List the provider plugins: keys, limits, discounts (free, no network)."""
    from pipeline.plugins.catalog import catalog

    rows, notes = catalog()
    for line in (*entries(rows), *notes):
        tell(line)

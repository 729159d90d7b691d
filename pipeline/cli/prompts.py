"""The command `prompts`."""

from __future__ import annotations

from pipeline.cli.command import command
from pipeline.cli.given import Given
from pipeline.cli.main import tell


@command("prompts", "")
def prompts(given: Given) -> None:
    """List the prompts in data/prompts: what each is for, and an answer it brings (free)."""
    from pipeline.batch.list_prompts import prompts

    for line in prompts():
        tell(line)

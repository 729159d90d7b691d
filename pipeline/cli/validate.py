"""The command `validate`."""

from __future__ import annotations

from dataclasses import replace

from pipeline.cli.command import command
from pipeline.cli.given import Given
from pipeline.cli.main import tell
from pipeline.cli.options import READING


@command("validate", f"RUN PROVIDER files {READING} WORKERS kind")
def validate(given: Given) -> None:
    """Read everything, check each line against its schema, and list every fault (free)."""
    from pipeline.base.processes import cores
    from pipeline.cli import inputs
    from pipeline.transcripts.validate import check, kind_of

    reading = inputs.reading(given)
    if "TRANSCRIPTS" in given.typed:  # what is typed is checked, whatever the run was made with
        reading = replace(reading, transcripts=given.values["TRANSCRIPTS"])
    found = inputs.files(given, reading.transcripts)
    for line in check(found, kind_of(found, given.kind), reading.encoding, given.WORKERS or cores()):
        tell(line)

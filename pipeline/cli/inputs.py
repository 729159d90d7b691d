"""Which files are read, and how: as given, else as the last time in this run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.base.humanize import many
from pipeline.batch.remembered_settings import Reading
from pipeline.cli.given import Given
from pipeline.cli.main import say, tell
from pipeline.cli.progress import Bar
from pipeline.errors import InputError
from pipeline.transcripts.encoding import known
from pipeline.transcripts.find_files import paths, sources

if TYPE_CHECKING:
    from pipeline.transcripts.ingest import Tally


def reading(given: Given) -> Reading:
    return Reading(given.TRANSCRIPTS, known(given.ENCODING), given.ERRORS or "").recalled(given.ws)


def files(given: Given, words: str) -> list[Path]:
    """Those that are named, else what TRANSCRIPTS names. Raises InputError for the run's own answers."""
    found = list(given.files) or paths(words)
    if given.ws.results in found:
        raise InputError(f"{words}: a run cannot read its own answers; choose another RUN=")
    return found


def found(given: Given, reading: Reading) -> list[Path] | None:
    """As `files`; None if they are gone and a batch was made of them, which can be sent without."""
    try:
        return files(given, reading.transcripts)
    except InputError:
        if not given.as_made or not given.ws.batch.exists():
            raise
        return None


def read(
    given: Given, found: list[Path], encoding: str = "", skip: bool = False, workers: int | None = None
) -> None:
    """Read them into transcripts.jsonl, with a bar on a terminal, and say what came."""
    from pipeline.base.processes import cores
    from pipeline.transcripts.ingest import ingest

    live = sys.stderr.isatty()
    bar = Bar(sum(1 for _ in sources(found)) if live else 0, live)
    how = {"encoding": encoding, "skip": skip, "workers": workers or cores(), "verbose": given.VERBOSE}
    try:
        tally = ingest(given.ws, found, **how, say=bar.news, done=bar.advance)
    finally:
        bar.end()
    _told(given, tally)


def _told(given: Given, tally: Tally) -> None:
    formats = ", ".join(f"{count:,} {name}" for name, count in tally.formats.most_common())
    whole = tally.formats["request"] == tally.transcripts
    tell(
        many(tally.transcripts, "whole request") if whole else f"{many(tally.transcripts, 'transcript')}: {formats}"
    )
    if tally.rejected:
        tell(f"{many(tally.rejected, 'transcript')} left out, with the reasons in {given.ws.rejected}")
    if tally.passed:
        passed = ", ".join(f"{count:,} {name}" for name, count in tally.passed.most_common(8))
        say(f"not read, by their suffix or name: {passed}")

"""STRICT: a run whose every request has an answer, or exit 3."""

from __future__ import annotations

from collections import Counter

from pipeline.errors import IncompleteError

AGAIN = "`make submit RETRY=1` sends those without an answer again"


def check_complete(counts: Counter[str], rounds: str = "") -> None:
    """Raises IncompleteError; `rounds` is what later rounds need."""
    from pipeline.jobs.count_outcomes import rows, total

    if counts["ok"] != rows(counts):
        raise IncompleteError(f"{total(counts)}; {rounds or AGAIN}")

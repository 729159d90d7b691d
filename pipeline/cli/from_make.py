"""What make tells the commands through the environment: its goals, and who said a variable."""

from __future__ import annotations

import os

LOCAL = "TRANSCRIPT_BATCH_LOCAL"  # names that local.mk sets
# Names on the command line or in the environment; without make all that are there.
TYPED = "TRANSCRIPT_BATCH_TYPED"
LINE = "TRANSCRIPT_BATCH_LINE"  # names on the command line of make
AS_MADE = {"submit", "try", "adopt"}  # goals that take a batch as it was made, or make it where there is none
MAKES = {"transcripts", "batch", *AS_MADE}


def goals() -> set[str]:
    """Those that make was asked for; none without make."""
    return set(os.environ.get("TRANSCRIPT_BATCH_GOALS", "").split())


def reads_only() -> bool:
    """Whether make was asked for nothing that makes a batch, or pays for one."""
    return bool(goals()) and not goals() & MAKES


def corrects() -> bool:
    """Whether what has no answer is to be sent again, by goals that leave the batch as it is."""
    said = os.environ.get("RETRY", "").strip().lower() not in ("", "0", "false", "no", "off", "n", "f")
    return said and not goals() & {"transcripts", "batch", "try"}


def local() -> frozenset[str]:
    return frozenset(os.environ.get(LOCAL, "").split())


def line() -> frozenset[str]:
    return frozenset(os.environ.get(LINE, "").split())


def typed(name: str) -> bool:
    """Whether a person gave a variable that stands in the environment."""
    return name in os.environ.get(TYPED, name).split()

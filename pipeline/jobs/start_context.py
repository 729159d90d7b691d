"""What all starts of one command share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.base.clock import Clock
from pipeline.jobs.ledger import Ledger
from pipeline.provider import Provider


@dataclass(frozen=True)
class Starter:
    """`adopt` takes over jobs of unknown origin and starts none; `replace` pays beside them, and lost starts."""

    ledger: Ledger
    provider: Provider
    clock: Clock
    say: Callable[[str], None]
    settle: float = 300.0  # seconds from the intent until an absent job counts as never created
    adopt: bool = False
    replace: bool = False

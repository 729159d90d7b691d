"""What all starts of one command share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.base.clock import Clock
from pipeline.jobs.ledger import Ledger
from pipeline.provider import Provider


@dataclass(frozen=True)
class Starter:
    """`adopt` takes over jobs of unknown origin and starts none; `replace` pays beside them.

    `again` are shards that a person says are to be started once more, though a start of them was lost. With
    `repeat=False` none is without that word.
    """

    ledger: Ledger
    provider: Provider
    clock: Clock
    say: Callable[[str], None]
    settle: float = 300.0  # seconds from the intent until an absent job counts as never created
    adopt: bool = False
    replace: bool = False
    again: set[str] = field(default_factory=set)
    repeat: bool = True

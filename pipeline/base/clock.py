"""Time, so that tests can own it; and patience with a service that is busy."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pipeline.errors import Busy

T = TypeVar("T")
TRIES = 5
LONGEST = 60.0  # seconds; a service's Retry-After is believed up to here


@dataclass(frozen=True)
class Clock:
    """`now` in seconds since the epoch; `sleep` takes seconds."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def patiently(self, call: Callable[[], T], tries: int = TRIES) -> T:
        """The answer of a call that is safe to repeat; Busy is tried again with growing pauses."""
        for attempt in range(tries - 1):
            try:
                return call()
            except Busy as busy:
                wait = 2.0**attempt if busy.retry_after is None else busy.retry_after
                self.sleep(min(max(wait, 0.0), LONGEST))
        return call()

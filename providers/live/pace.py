"""When the next request may be sent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

STEP = 1.0  # seconds between two looks whether the job shall end


class Pace:
    """For all threads of a job: not more than `rpm` requests a minute, and none before the server said.

    All that waits gives False at once when `ending` says that the job shall end.
    """

    def __init__(
        self,
        rpm: int | None = None,
        ending: Callable[[], bool] = lambda: False,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gap = 60.0 / rpm if rpm else 0.0
        self._ending, self._now, self._sleep = ending, now, sleep
        self._next = self._held = now()
        self._lock = threading.Lock()

    def turn(self) -> bool:
        """Wait until one more request may be sent."""
        with self._lock:
            at = max(self._next, self._now())
            self._next = at + self._gap
        return self._until(lambda: max(at, self._held))

    def hold(self, seconds: float) -> None:
        """Nobody sends for so long."""
        with self._lock:
            self._held = max(self._held, self._now() + seconds)

    @property
    def held(self) -> bool:
        return self._now() < self._held

    def pause(self, seconds: float) -> bool:
        """This thread waits for so long."""
        at = self._now() + seconds
        return self._until(lambda: at)

    def _until(self, at: Callable[[], float]) -> bool:
        while (left := at() - self._now()) > 0:  # asked again each time: a hold may come while it waits
            if self._ending():
                return False
            self._sleep(min(left, STEP))
        return not self._ending()

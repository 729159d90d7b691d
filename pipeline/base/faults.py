"""What is wrong with the lines of a file: collected, and told in one error."""

from __future__ import annotations

import sys

from pipeline.errors import InputError, clean

SHOWN = 20  # faults printed before "and N more"


class Faults:
    """Collects `file:line: why` and ends the stage with one error that holds them all."""

    def __init__(self, every: bool = False) -> None:
        self.shown: list[str] = []
        self.count = 0
        self._most = sys.maxsize if every else SHOWN

    def add(self, where: object, why: str) -> None:
        self.count += 1
        if len(self.shown) < self._most:
            self.shown.append(f"{clean(where)}: {clean(why, 300)}")

    def check(self, advice: str) -> None:
        """Raise InputError if there is any fault; `advice` says what to type."""
        if self.count:
            more = [f"and {self.count - SHOWN} more"] if self.count > SHOWN else []
            raise InputError("\n".join([*self.shown, *more]) + f"; {advice}")

"""Warnings, each kind a few times: seventeen of a hundred podcasts loop, and nobody reads a thousand lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from pipeline.errors import clean

SHOWN = 5


class Notices:
    """Says each warning, up to SHOWN of a kind unless `every`; `close` says how many more there were."""

    def __init__(self, say: Callable[[str], None], every: bool = False) -> None:
        self._say, self._every = say, every
        self._counts: Counter[str] = Counter()

    def add(self, kind: str, where: str, text: str) -> None:
        self._counts[kind] += 1
        if self._every or self._counts[kind] <= SHOWN:
            self._say(f"warning: {clean(where)}: {clean(text, 300)}")

    def close(self) -> None:
        for kind, count in self._counts.items():
            if not self._every and count > SHOWN:
                self._say(f"warning: and {count - SHOWN:,} more of this kind ({kind}); VERBOSE=1 shows all")

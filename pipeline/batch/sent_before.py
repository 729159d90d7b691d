"""What was sent before: the part of the ledger that the stage `batch` is handed, as it may not look there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pipeline.batch.made_from import Made
from pipeline.batch.prompt import Prompt


class Stored(Protocol):
    """A request that was sent. `row` is what its row of the index was, and `carried` that row without its place."""

    row: Mapping[str, Any]
    carried: dict[str, Any]


class Before(Protocol):
    """`jobs.keep_as_sent.Kept` is one."""

    def find(self, transcript: Mapping[str, Any], ask: Made, prompt: Prompt) -> list[Stored]:
        """The requests that were sent of this transcript's source and prompt; none for what was not sent."""

    def line(self, one: Stored) -> bytes:
        """The line as it was sent. Raises DamagedError if it is another one."""

    def request(self, one: Stored, name: str) -> dict[str, Any]:
        """A request of the batch that stands for it, under its own custom_id or another one."""

"""What kind of request one is: requests of one kind are sent, counted and priced together."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """What all requests of a shard share: the model, and the name of the prompt ("" if it has none)."""

    model: str
    prompt: str = ""

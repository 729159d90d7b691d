"""Which requests ask the same, and so are sent once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pipeline.batch.request_line import asking, identity
from pipeline.provider import Provider

Key = Callable[[bytes, str], bytes]  # of a line and its model: requests with one key are sent once


def key(provider: Provider, each: bool) -> Key:
    """What tells requests apart: all of a line, custom_id and all, if `each` is to be sent; else what it asks."""
    return (lambda line, model: identity(line)) if each else partial(asking, provider)

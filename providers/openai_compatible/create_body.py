"""The body of the call that starts a job, from the template in a service's row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def filled_in(value: Any, words: Mapping[str, Any]) -> Any:
    """The template of a body with its {words} put in; a field whose word is None is left out."""
    if isinstance(value, dict):
        filled = {name: filled_in(item, words) for name, item in value.items()}
        return {name: item for name, item in filled.items() if item is not None}
    if isinstance(value, list):
        return [filled_in(item, words) for item in value]
    if isinstance(value, str) and value[:1] + value[-1:] == "{}":
        return words.get(value[1:-1])
    return value

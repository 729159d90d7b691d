"""JSON as services send it: whatever comes is read, or is told to be something else, without an exception."""

from __future__ import annotations

import json

import orjson


def as_object(value: object) -> dict | None:
    """A JSON object given as bytes, as a string or as itself."""
    if isinstance(value, bytes | str):
        try:
            value = orjson.loads(value)
        except ValueError:
            value = _lenient(value)
    return value if isinstance(value, dict) else None


def _lenient(value: bytes | str) -> object:
    """What strict JSON refuses and services send: half an emoji as a lone surrogate, NaN in a number."""
    try:
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        plain = json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8", "replace")
        return json.loads(plain)
    except (ValueError, RecursionError):
        return None


def plain(value: object) -> str:
    """A value as JSON; "" for what would not survive it: numbers beyond 64 bits, hundreds of levels."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return ""


def as_dict(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def as_text(value: object) -> str | None:
    return value if isinstance(value, str) else None

"""The JSON Schemas of every file that crosses a border, and two validators for each.

The compiled validator (jsonschema-rs) answers yes or no on the hot path; `jsonschema` says why not.
A differential test holds the two together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

KINDS = ("transcript", "rejected", "request", "made", "result", "receipt", "service", "prompt", "variables")


@cache
def schema(kind: str) -> dict[str, Any]:
    """The schema of one kind of record, as a dict."""
    return json.loads((Path(__file__).parent / f"{kind}.schema.json").read_text("utf-8"))


@cache
def is_valid(kind: str) -> Callable[[Any], bool]:
    """A compiled yes-or-no validator; built once for each kind."""
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(schema(kind)).is_valid


@cache
def _explainer(kind: str):
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema(kind))


def faults(kind: str, record: Any) -> Iterator[str]:
    """Why the record does not fit, as `$.path: why`; nothing for one that fits."""
    for error in sorted(_explainer(kind).iter_errors(record), key=lambda e: (e.json_path, e.message)):
        yield f"{error.json_path}: {_short(error)}"


def _short(error: Any) -> str:
    """jsonschema prints the whole instance; a transcript is no message."""
    if error.validator == "anyOf" and error.json_path == "$":
        return "'text' or 'segments' is required"
    if error.validator == "additionalProperties":
        own = "; fields of your own belong into `metadata`" if error.schema.get("title") == "Transcript" else ""
        return error.message + own
    if error.validator_value == "\\S":
        return "there are no words in it"
    if len(error.message) <= 160:
        return error.message
    rule = json.dumps(error.validator_value)[:80]
    return f"{repr(error.instance)[:60]}… does not fit {error.validator!r}: {rule}"

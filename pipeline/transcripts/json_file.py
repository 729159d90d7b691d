"""JSON in a file of its own: a vendor's output, or records as in a .jsonl file."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

import schemas
from pipeline.transcripts.readers.field_names import renamed
from pipeline.transcripts.readers.reading import Unreadable

START = re.compile(r'\s*(?:\{\s*["}]|\[\s*[\[{"\]])')  # not `{laughs} Yes` and not `[00:01] Yes`


def matches(text: str) -> bool:
    """Whether the text begins as JSON does."""
    return START.match(text) is not None


def lines(text: str) -> bool:
    """Whether each line is an object of its own: the first one is whole, and a second follows."""
    first, _, rest = text.lstrip().partition("\n")
    return rest.lstrip().startswith("{") and isinstance(_strict(first), dict)


def parse(text: str) -> Any:
    """The value, also where a writer was careless: NaN, raw tabs inside strings, half a surrogate pair."""
    value = _strict(text)
    return _lenient(text) if value is None else value


def records(value: Any, name: str) -> list[dict[str, Any]] | None:
    """The records of the transcript schema that the value is, one or a list; None where it is something else.

    A single one with a title or the like, and its text, need not have an id: that is `name` then.
    """
    if isinstance(value, dict) and _lacks_only_an_id(value):
        value = {"id": name, **value}
    found = value if isinstance(value, list) else [value]
    return found if found and all(_is_record(item) for item in found) else None


def _lacks_only_an_id(value: dict[str, Any]) -> bool:
    made, _ = renamed(value)
    plain = isinstance(value.get("segments", ""), str)
    return "id" not in made and isinstance(made.get("text"), str) and len(value) > 1 and plain


def _is_record(item: object) -> bool:
    if not isinstance(item, dict):
        return False
    made, _ = renamed(item)
    known = schemas.schema("transcript")["properties"].keys()
    return isinstance(made.get("id"), str) and made.keys() <= known


def _strict(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return None


def _lenient(text: str) -> Any:
    try:
        value = json.loads(text, strict=False, parse_constant=lambda name: None)
        return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except ValueError as error:
        raise Unreadable(f"not JSON: {error}") from None
    except RecursionError:
        raise Unreadable("not JSON: nested too deep") from None

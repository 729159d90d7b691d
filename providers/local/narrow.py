"""A JSON Schema made narrower, so that any answer that fits it ends before max_tokens does.

A small model fills a list or a string that has no end till it is cut, and what is cut is not JSON. What fits the
narrower schema fits the schema that was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CHARACTERS = (2.0, 1.0, 0.3)  # of a token: as text has at least; digits have one, and some scripts less
ITEM = 60  # characters that an item of a list should have room for
ITEMS = 10  # of a list that names no most
STRING = 1000  # characters; the engine refuses grammars with far longer repetitions
VALUE = 24  # characters of a number, a word, or the marks around a value


def narrowed(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What to ask one after the other, until an answer is whole: each a schema with less room than the one before.

    The body alone, if it asks for no schema.
    """
    form = body.get("response_format")
    if not (isinstance(form, Mapping) and form.get("type") == "json_schema"):
        return [dict(body)]
    named = form["json_schema"]
    schemas = [_narrow(named["schema"], int(body["max_tokens"] * characters)) for characters in CHARACTERS]
    return [{**body, "response_format": {**form, "json_schema": {**named, "schema": schema}}} for schema in schemas]


def _narrow(schema: Any, room: int) -> Any:
    """`room` is in characters. A schema of another kind than these stands as it is."""
    if not isinstance(schema, Mapping) or "enum" in schema or "const" in schema:
        return schema
    made = {name: [_narrow(one, room) for one in schema[name]] for name in ("anyOf", "oneOf") if name in schema}
    for name in {"$defs", "definitions"} & schema.keys():  # where they are used is not looked for
        made[name] = {key: _narrow(one, room // ITEMS) for key, one in schema[name].items()}
    narrow = KINDS.get(schema.get("type") if isinstance(schema.get("type"), str) else None)
    return {**schema, **made, **(narrow(schema, room) if narrow else {})}


def _object(schema: Mapping[str, Any], room: int) -> dict[str, Any]:
    properties = schema.get("properties") or {}
    left = room - sum(len(name) + VALUE for name in properties)
    return {"properties": {name: _narrow(one, left // len(properties)) for name, one in properties.items()}}


def _array(schema: Mapping[str, Any], room: int) -> dict[str, Any]:
    if "items" not in schema:
        return {}
    most = max(min(schema.get("maxItems", ITEMS), room // ITEM), schema.get("minItems", 0), 1)
    return {"maxItems": min(most, schema.get("maxItems", most)), "items": _narrow(schema["items"], room // most)}


def _string(schema: Mapping[str, Any], room: int) -> dict[str, Any]:
    if "pattern" in schema or "format" in schema:
        return {}
    return {"maxLength": max(min(schema.get("maxLength", STRING), room, STRING), schema.get("minLength", 0), 1)}


KINDS = {"object": _object, "array": _array, "string": _string}

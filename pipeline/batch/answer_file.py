"""ANSWER: a JSON Schema as a person gives it, checked before anything is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from pipeline.batch.answer_schema import Answer
from pipeline.errors import InputError, clean


def answer(given: Any, where: str) -> Answer:
    """An answer from a schema, or from the path of one. Raises InputError for what is no JSON Schema."""
    if isinstance(given, str):
        where, given = given, _read(given)
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    if not isinstance(given, dict) or not given:
        raise InputError(f"{where}: an answer's schema is a JSON object; name a file in ANSWER=")
    try:
        Draft202012Validator.check_schema(given)
    except SchemaError as error:
        raise InputError(f"{where}: no JSON Schema: {error.json_path}: {clean(error.message, 160)}") from None
    if far := [ref for ref in _refs(given) if not ref.startswith("#")]:
        raise InputError(f"{where}: $ref {clean(far[0], 80)!r} is not in the file itself; put it under $defs")
    made = Answer(given)
    try:
        made.fits({})
    except Exception as error:  # a $ref to nowhere, a pattern that is none: told by its compiler alone
        raise InputError(f"{where}: no JSON Schema: {clean(error, 160)}") from None
    return made


def _read(path: str) -> Any:
    try:
        return orjson.loads(Path(path).read_bytes())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a JSON Schema in ANSWER=") from None
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not JSON: {error.msg}; name a JSON Schema in ANSWER=") from None


def _refs(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for value in schema.values():
            yield from _refs(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _refs(value)

"""A structured answer: the JSON Schema that it must fit, how a model is told, and whether it does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from pipeline.errors import InputError, clean
from pipeline.provider import Result

AMONG = re.compile(r"\{.*\}|\[.*\]", re.S)
FENCED = re.compile(r"\A[^{\[]*```(?:json)?[ \t]*\n(.*?)\n?```[^{\[]*\Z", re.S)  # as chat models like to answer


@dataclass(frozen=True)
class Answer:
    """What an answer must be: one JSON value that fits `schema`."""

    schema: dict[str, Any]

    @property
    def form(self) -> dict[str, Any]:
        """The body's `response_format`, in OpenAI's words; a provider says it in its own."""
        named = {"name": "answer", "schema": self.schema, "strict": strict(self.schema)}
        return {"type": "json_schema", "json_schema": named}

    @property
    def words(self) -> str:
        """The same for a service that has no such form: the end of the system prompt."""
        schema = orjson.dumps(self.schema).decode()
        return f"Answer with one JSON value that fits this JSON Schema, and with nothing else:\n{schema}"

    def checked(self, result: Result) -> Result:
        """The result with its parsed `answer`; or `invalid`, with the path that does not fit, and its text kept."""
        if not result.ok:
            return result
        try:
            value = parsed(result.text)
        except orjson.JSONDecodeError as error:
            cut = "the answer was cut at max_tokens" if result.finish_reason == "length" else "not JSON"
            return self._invalid(result, f"{cut}: {error.msg} at character {error.pos}")
        if self.fits(value):
            return replace(result, answer=value)
        return self._invalid(result, next(self._faults(value), "it does not fit the schema"))

    def _invalid(self, result: Result, why: str) -> Result:
        return replace(result, ok=False, outcome="invalid", error={"message": clean(why), "code": "invalid"})

    @cached_property
    def fits(self) -> Callable[[Any], bool]:
        """Whether a value fits."""
        import jsonschema_rs

        return jsonschema_rs.Draft202012Validator(self.schema).is_valid

    def _faults(self, value: Any) -> Iterator[str]:
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import best_match

        try:
            worst = best_match(Draft202012Validator(self.schema).iter_errors(value))
        except RecursionError:
            return
        if worst:
            yield f"{worst.json_path}: {clean(worst.message, 160)}"


def parsed(text: str) -> Any:
    """The one JSON value in an answer: alone, in the fence that models put around it, or among words.

    Nothing in it is repaired. Raises orjson.JSONDecodeError.
    """
    bare = text.strip().removeprefix("\ufeff")
    fenced, among = FENCED.match(bare), AMONG.search(bare)
    for part in (fenced[1] if fenced else bare, among[0] if among else bare):
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(part)
    return orjson.loads(text)


def strict(schema: Any) -> bool:
    """Whether OpenAI's strict form takes it: each object has all its properties required, and no others."""
    if isinstance(schema, list):
        return all(map(strict, schema))
    if not isinstance(schema, dict):
        return True
    names = schema.get("properties")
    whole = schema.get("additionalProperties") is False and set(schema.get("required", ())) == set(names or ())
    return (whole or schema.get("type") != "object") and all(map(strict, schema.values()))


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

"""A structured answer: the JSON Schema that it must fit, how a model is told, and whether it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import orjson

from pipeline.batch.answer_json import parsed
from pipeline.errors import clean
from pipeline.provider import Result


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


def strict(schema: Any) -> bool:
    """Whether OpenAI's strict form takes it: each object has all its properties required, and no others."""
    if isinstance(schema, list):
        return all(map(strict, schema))
    if not isinstance(schema, dict):
        return True
    names = schema.get("properties")
    whole = schema.get("additionalProperties") is False and set(schema.get("required", ())) == set(names or ())
    return (whole or schema.get("type") != "object") and all(map(strict, schema.values()))

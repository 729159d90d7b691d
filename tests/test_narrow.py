"""A schema narrowed for a small model: what fits it fits the other one, and ends in time."""

from __future__ import annotations

import jsonschema
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.local import model
from providers.local.narrow import CHARACTERS, narrowed

SCHEMAS = st.recursive(
    st.fixed_dictionaries({"type": st.just("string")}, optional={"maxLength": st.integers(1, 5000)})
    | st.sampled_from([{"type": "integer"}, {"type": "boolean"}, {"enum": ["oats", 7]}, {"const": "rye"}]),
    lambda inner: (
        st.fixed_dictionaries(
            {"type": st.just("array"), "items": inner},
            optional={"maxItems": st.integers(1, 50), "minItems": st.just(1)},
        )
        | st.dictionaries(st.sampled_from("abcd"), inner, min_size=1).map(
            lambda made: {
                "type": "object",
                "properties": made,
                "required": sorted(made),
                "additionalProperties": False,
            }
        )
        | st.lists(inner, min_size=1, max_size=2).map(lambda made: {"anyOf": made})
    ),
    max_leaves=8,
)


def schema_of(body):
    return body["response_format"]["json_schema"]["schema"]


def asked(schema, most):
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    return {"model": "m", "messages": [], "max_tokens": most, "response_format": form}


def longest(schema):
    """The longest value that a schema takes, as a model that does not stop would fill it."""
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if "anyOf" in schema:
        return max(map(longest, schema["anyOf"]), key=lambda value: len(orjson.dumps(value)))
    kinds = {"integer": 10**15 - 1, "boolean": False}
    if schema["type"] in kinds:
        return kinds[schema["type"]]
    if schema["type"] == "string":
        return "x" * schema["maxLength"]
    if schema["type"] == "array":
        return [longest(schema["items"])] * schema["maxItems"]
    return {name: longest(one) for name, one in schema["properties"].items()}


@given(SCHEMAS, st.integers(1, 4000))
def test_the_longest_answer_fits_the_schema_that_was_asked_for(schema, most):
    sizes = []
    for body in narrowed(asked(schema, most)):
        value = longest(schema_of(body))
        jsonschema.validate(value, schema)
        sizes.append(len(orjson.dumps(value)))
    assert sizes == sorted(sizes, reverse=True)


def test_an_answer_that_was_cut_is_asked_for_again_with_less(monkeypatch):
    bodies = []

    class Server:
        def handle_chat_completions(self, body):
            bodies.append(body)
            return {"choices": [{"finish_reason": "length" if len(bodies) < 2 else "stop"}]}

    monkeypatch.setattr(model, "_server", lambda size: (Server(), ""))
    model.load()(asked({"type": "string"}, 100))
    assert [schema_of(body)["maxLength"] for body in bodies] == [200, 100]
    bodies.clear()
    model.load()({"messages": [], "max_tokens": 5})
    assert len(bodies) == 1


@given(st.integers(100, 4000))
def test_the_longest_answer_ends_in_time(most):
    claims = {"type": "array", "items": {"type": "object", "properties": {"who": {"type": "string"}}}}
    schema = {"type": "object", "properties": {"summary": {"type": "string"}, "claims": claims}}
    value = longest(schema_of(narrowed(asked(schema, most))[0]))
    assert len(orjson.dumps(value)) <= most * CHARACTERS[0]


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": ["oats"]},
        {"type": "string", "pattern": "^[0-9]{4}$"},
        {"type": "string", "format": "date"},
        {"type": ["string", "null"]},
        {"type": "number"},
        True,
    ],
)
def test_what_it_does_not_know_stands(schema):
    assert schema_of(narrowed(asked(schema, 100))[0]) == schema


def test_what_is_used_by_name_is_narrowed_too():
    schema = {"$defs": {"P": {"type": "string"}}, "type": "array", "items": {"$ref": "#/$defs/P"}}
    made = schema_of(narrowed(asked(schema, 100))[0])
    assert made["$defs"]["P"]["maxLength"] <= 100 and made["maxItems"] <= 10
    assert "maxLength" not in schema["$defs"]["P"]


def test_a_body_without_a_schema_is_as_it_was():
    body = {"messages": [], "max_tokens": 5, "response_format": {"type": "json_object"}}
    assert narrowed(body) == [body]

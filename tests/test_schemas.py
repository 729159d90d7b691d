"""The two validators of each schema agree, and example records are what they should be."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas

TRANSCRIPT = {"id": "a", "text": "x"}
REQUEST = {
    "custom_id": "a",
    "body": {"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1},
}
RESULT = dict.fromkeys(schemas.schema("result")["required"]) | {
    "id": "a", "custom_id": "a", "outcome": "ok", "text": "x", "provider": "p",
}  # fmt: skip
RECEIPT = {
    "version": 1, "shard": "0001-00000000", "provider": "p", "requests": 1, "bytes": 1, "sha256": "0" * 64,
    "state": "planned", "updated": "",
}  # fmt: skip
REJECTED = {"where": "talks.jsonl:2", "reasons": ["$: 'id' is a required property"]}
SERVICE = {"url": "https://host/v1", "key": "MY_KEY", "max_requests": 5, "cancel": "DELETE {batches}/{id}"}
MADE = {
    "custom_id": "a", "whole": "a", "prompt": None, "part": None, "at": 0, "line": "0" * 32,
    "made": {
        "source": "file:0", "asked": "0", "model": "m", "long": "refuse", "max_tokens": 1, "window": None,
        "overlap": None, "given": [],
    },
}  # fmt: skip
GOOD = {
    "transcript": TRANSCRIPT,
    "rejected": REJECTED,
    "request": REQUEST,
    "made": MADE,
    "result": RESULT,
    "receipt": RECEIPT,
    "service": SERVICE,
    "prompt": {"about": "x", "max_tokens": 7},
    "variables": {"MODEL": "m", "MAX_TOKENS": 7, "LONG": "split", "EACH": True},
}

VALID = [
    ("transcript", {"id": "Ünïcode / ☃ id", "segments": [{"text": "x"}]}),
    ("transcript", TRANSCRIPT | {"published": "2025-02-03T04:05:06.7+01:00", "language": "pt-BR", "duration": 0}),
    ("transcript", TRANSCRIPT | {"metadata": {"a": 1, "b": None, "c": "d", "e": True}, "episode": "S02E28"}),
    ("request", {"custom_id": "a" * 64, "body": REQUEST["body"] | {"top_k": 40, "response_format": {}}}),
    ("result", RESULT | {"outcome": "error", "text": None, "error": {"message": "m", "code": None}}),
    ("made", MADE | {"id": "a", "part": {"number": 1, "of": 2}, "newer": 1}),
    ("receipt", RECEIPT | {"model": "m"}),
    ("receipt", RECEIPT | {"ref": {"id": "x", "more": 1}, "state": "running", "intent": 1.5}),
]
INVALID = [
    ("made", MADE | {"made": {}}),
    ("made", MADE | {"at": -1}),
    ("made", {}),
    ("transcript", {"id": "", "text": "x"}),
    ("transcript", {"id": "a\nb", "text": "x"}),
    ("transcript", {"id": "a\u2028b", "text": "x"}),
    ("transcript", {"id": "a", "text": "\n\t "}),
    ("transcript", {"id": "a", "segments": []}),
    ("transcript", TRANSCRIPT | {"metadata": {"a": {}}}),
    ("transcript", TRANSCRIPT | {"published": "3 May 2025"}),
    ("transcript", TRANSCRIPT | {"transcript": "y"}),
    ("rejected", REJECTED | {"reasons": []}),
    ("request", {"custom_id": "a b", "body": REQUEST["body"]}),
    ("request", {"custom_id": "a" * 65, "body": REQUEST["body"]}),
    ("request", {"custom_id": "a", "body": REQUEST["body"] | {"messages": []}}),
    ("request", {"custom_id": "a", "body": REQUEST["body"] | {"max_tokens": 1.5}}),
    ("result", RESULT | {"text": None}),
    ("result", RESULT | {"outcome": "error"}),
    ("receipt", RECEIPT | {"state": "lost"}),
    ("receipt", RECEIPT | {"shard": "../../x"}),
    ("receipt", RECEIPT | {"ref": {}}),
]


@pytest.mark.parametrize(("kind", "record"), [*GOOD.items(), *VALID])
def test_valid(kind, record):
    assert schemas.is_valid(kind)(record)
    assert list(schemas.faults(kind, record)) == []


@pytest.mark.parametrize(("kind", "record"), INVALID)
def test_invalid(kind, record):
    assert not schemas.is_valid(kind)(record)
    assert list(schemas.faults(kind, record))


SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def bent(draw):
    """A kind, and a good record of it with some of its fields set to anything."""
    kind = draw(st.sampled_from(schemas.KINDS))
    fields = sorted(schemas.schema(kind)["properties"])
    changes = draw(st.dictionaries(st.sampled_from([*fields, "other"]), VALUES, max_size=3))
    return kind, GOOD[kind] | changes


@given(bent())
def test_both_validators_agree(case):
    kind, record = case
    assert schemas.is_valid(kind)(record) == (not list(schemas.faults(kind, record)))


@pytest.mark.parametrize("kind", schemas.KINDS)
def test_each_schema_is_a_schema(kind):
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schemas.schema(kind))
    assert json.dumps(schemas.schema(kind))

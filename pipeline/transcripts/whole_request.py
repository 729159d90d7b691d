"""A line of a file of requests, as the guides of batch APIs have them: taken as it stands, for `batch`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import orjson

import schemas
from pipeline.transcripts.outcome import Outcome

ALLOWED = {"custom_id", "body", "method", "url"}
ENDPOINT = "/chat/completions"
MOST = 2.0**63  # of whole numbers; a float of this size is one that did not fit


def matches(value: Any) -> bool:
    return isinstance(value, dict) and "custom_id" in value and isinstance(value.get("body"), dict)


def outcome(value: dict[str, Any], where: str, path: str) -> Outcome:
    """Its custom_id as the id, its body untouched."""
    if faults := list(_faults(value)):
        return Outcome(where, faults=faults)
    digest = hashlib.sha256(orjson.dumps(value["body"])).hexdigest()
    source = {"path": path, "format": "request", "record": True, "sha256": digest}
    record = {"id": value["custom_id"], "request": value["body"], "source": source}
    if not schemas.is_valid("transcript")(record):
        return Outcome(where, faults=[f"$.custom_id: {next(schemas.faults('transcript', record))}"])
    return Outcome(where, record["id"], orjson.dumps(record), format="request")


def _big(value: Any) -> Iterator[str]:
    """Numbers that have been made of so many digits that the parser has dropped some."""
    if isinstance(value, float) and value.is_integer() and abs(value) >= MOST:
        yield f"{value:.0f}"
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _big(one)


def _faults(value: dict[str, Any]) -> Iterator[str]:
    if number := next(_big(value["body"]), None):
        yield f"$.body: {number} has more than 64 bits, and would lose digits on its way: write it as a string"
    yield from schemas.faults("request", {"custom_id": "a", "body": value["body"]})
    if odd := sorted(map(str, value.keys() - ALLOWED)):
        yield f"$.{odd[0]}: a request has custom_id and body, and may have method and url"
    if value.get("method", "POST") != "POST" or not str(value.get("url", ENDPOINT)).endswith(ENDPOINT):
        yield f"$.url: only chat completions are sent: POST …{ENDPOINT}"

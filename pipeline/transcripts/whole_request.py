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
DEEPEST = 100  # levels of a body
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


def _unfit(body: dict[str, Any]) -> Iterator[str]:
    """What cannot be written as it was read, level by level: the parser drops digits, and takes more levels than it
    gives back."""
    level: list[Any] = [body]
    deep = 0
    while level and deep < DEEPEST:
        for one in level:
            if isinstance(one, float) and one.is_integer() and abs(one) >= MOST:
                yield f"{one:.0f} has more than 64 bits, and would lose digits on its way: write it as a string"
        within = [one for one in level if isinstance(one, dict | list)]
        level = [part for one in within for part in (one.values() if isinstance(one, dict) else one)]
        deep += 1
    if level:
        yield f"more than {DEEPEST} levels"


def _faults(value: dict[str, Any]) -> Iterator[str]:
    if why := next(_unfit(value["body"]), ""):
        yield f"$.body: {why}"
        return
    yield from schemas.faults("request", {"custom_id": "a", "body": value["body"]})
    if odd := sorted(map(str, value.keys() - ALLOWED)):
        yield f"$.{odd[0]}: a request has custom_id and body, and may have method and url"
    if value.get("method", "POST") != "POST" or not str(value.get("url", ENDPOINT)).endswith(ENDPOINT):
        yield f"$.url: only chat completions are sent: POST …{ENDPOINT}"

"""Whether a line of an older release is a request that lies in the batch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from pipeline.jobs.receipt import Receipt

OURS = ("cache_prefix",)  # of a body, what no line has


THEIRS = ("prompt_cache_key",)  # of a line's body, what a wire adds


RENAMED = {"max_completion_tokens": "max_tokens"}


SCHEMA = re.compile(rb'"(response_format|output_config|outputConfig|output_format|response(Json)?Schema)"')


@dataclass(frozen=True)
class Request:
    """One that lies in the batch, or in the round behind it: its body, its row, and the line that it is today."""

    body: dict[str, Any]
    row: dict[str, Any]
    today: bytes


def was_sent(one: Request, line: bytes, receipt: Receipt) -> bool:
    """Whether a line of a shard is this request: today's line, or its body, or its texts and numbers are the same.

    A batch that was made by a release that writes rows must make the very line.
    """
    if line == one.today or (one.body["model"], one.row["prompt"] or "") != receipt.kind:
        return line == one.today
    if one.row["made"]["source"] and "read:" not in one.row["made"]["source"]:
        return False
    body = {name: value for name, value in one.body.items() if name not in OURS}
    there = orjson.loads(line)
    if "body" in there:
        return body == {RENAMED.get(k, k): v for k, v in there["body"].items() if k not in THEIRS}
    return _alike(body, there, line)


def _alike(body: Mapping[str, Any], there: Any, line: bytes) -> bool:
    """Whether a line in a service's own words says the texts and numbers of a body, and no others."""
    said = [message["content"] for message in body["messages"]]
    mine = Counter(_leaves([said, {k: v for k, v in body.items() if k not in ("messages", "model")}]))
    theirs = Counter(_leaves(there))
    more = [leaf for leaf in theirs - mine if not isinstance(leaf, str) or " " in leaf]
    form = bool(SCHEMA.search(line)) == ("response_format" in body)
    return all(leaf in theirs for leaf in mine if not isinstance(leaf, str) or " " in leaf) and form and not more


def _leaves(value: Any) -> Iterator[Any]:
    """All texts and numbers in a value of JSON."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield value

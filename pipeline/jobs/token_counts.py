"""A request that is to be sent, and its tokens; and how those of a shard add up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

NONE = {"input": 0, "longest": 0, "output": 0, "marked": 0}  # tokens of a receipt; changed by nobody


MARK = b'"cache_control"'  # of a prefix that is to be kept for the next request; in a text it has backslashes


class Counted(NamedTuple):
    """A line to send: tokens of its prompt as we count them, at most of its answer, and at most of its prompt; and
    the row that says what it was made from."""

    line: bytes
    prompt: int = 0
    answer: int = 0
    most: int = 0
    row: Mapping[str, Any] = {}


def tally(tokens: dict[str, int], line: bytes, prompt: int, answer: int) -> dict[str, int]:
    """A receipt's `tokens`, with one request more; "marked" counts lines with a MARK."""
    return {
        "input": tokens["input"] + prompt,
        "longest": max(tokens["longest"], prompt),
        "output": tokens["output"] + answer,
        "marked": tokens["marked"] + (MARK in line),
    }

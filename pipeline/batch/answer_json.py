"""The one JSON value in an answer, whatever stands around it."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import orjson

AMONG = re.compile(r"\{.*\}|\[.*\]", re.S)


FENCED = re.compile(r"\A[^{\[]*```(?:json)?[ \t]*\n(.*?)\n?```[^{\[]*\Z", re.S)  # as chat models like to answer


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

"""What a service says, before it is used or shown: an id, an object, words."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from pipeline.errors import Busy, clean
from pipeline.provider import Found

ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:/=+-]{0,1023}")  # of a file or a job; a proxy's are long and base64
SIGNED = re.compile(r"(https?://[^\s?]*)\?\S*")  # the query of a storage URL is a key to it


def identifier(value: Any, what: str) -> str:
    """An id that the service gave, fit to stand in a path. Raises Busy."""
    if not isinstance(value, str) or not ID.fullmatch(value) or ".." in value:
        raise Busy(f"{what}: the answer names no usable id")
    return value


def record(value: Any, what: str) -> dict[str, Any]:
    """A JSON object. Raises Busy: an answer that is none is asked for again."""
    if not isinstance(value, dict):
        raise Busy(f"{what}: the answer is no JSON object")
    return value


def unreadable(entry: Any) -> Found:
    """An entry of a list of jobs that names no job: it is not "no job", and it has a name as long as it stays."""
    return Found({"id": f"unreadable-{hashlib.sha256(repr(entry).encode()).hexdigest()[:8]}"}, "", exact=False)


def safe(text: object, secret: str) -> str:
    """Foreign words as one line, without the key and without the signature of a storage URL."""
    words = str(text).replace(secret, "[key]") if secret else str(text)
    return clean(SIGNED.sub(r"\1?…", words))

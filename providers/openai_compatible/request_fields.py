"""The fields of a request as a service takes them: what its row refuses, names otherwise, or adds for its cache."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from pipeline.errors import Unencodable
from providers.openai_compatible.services import Service

LONG_PREFIX = 3000  # bytes; what has less than about 1,000 tokens is not kept by any service


def fields(row: Service, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of chat completions in the words of this row. Raises Unencodable."""
    if refused := sorted(set(row.refuse) & set(body)):
        raise Unencodable(f"it does not take {', '.join(refused)}")
    renamed = {row.rename.get(name, name): value for name, value in body.items()}
    if len(renamed) < len(body):
        twice = sorted(set(row.rename) & set(body))
        raise Unencodable(f"{', '.join(twice)} is the same as {', '.join(row.rename[name] for name in twice)}")
    if row.cache_key and (prefix := _prefix(body)):
        renamed.setdefault(row.cache_key, prefix)
    return renamed


def _prefix(body: Mapping[str, Any]) -> str:
    """A name for the messages before the last one, which all requests of a prompt share; "" if those are short."""
    constant = orjson.dumps((body.get("messages") or [])[:-1])
    return hashlib.sha256(constant).hexdigest()[:32] if len(constant) >= LONG_PREFIX else ""

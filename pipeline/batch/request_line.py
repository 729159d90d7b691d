"""A request as the line that is sent, and what it is known by."""

from __future__ import annotations

import hashlib

import orjson

from pipeline.base.lines import escape
from pipeline.provider import Provider


def identity(line: bytes) -> bytes:
    """What a request is known by: 16 bytes of the hash of its line."""
    return hashlib.sha256(line).digest()[:16]


def encode(provider: Provider, request: dict) -> bytes:
    """The request as the line that is sent."""
    return escape(provider.encode(request))


def written(request: dict) -> bytes:
    """The request as a line of batch.jsonl: where a service takes it as it is, the very bytes that are sent."""
    return escape(orjson.dumps(request | {"body": dict(sorted(request["body"].items()))}))


def asking(provider: Provider, line: bytes, model: str) -> bytes:
    """What requests are known by that ask the same: a hash of the line without its id, and of the model."""
    return identity(model.encode() + b"\n" + provider.content(line))

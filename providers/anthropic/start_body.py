"""The body of the call that starts a job: the shard itself, with its lines as a list."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.provider import Shard
from providers.wire.http_client import CHUNK

HEAD, TAIL = b'{"requests":[', b"]}"


def length(shard: Shard) -> int:
    """Of the body, in bytes."""
    return len(HEAD) + shard.bytes - 1 + len(TAIL)


def requests(shard: Shard) -> Iterator[bytes]:
    """The body of the call that starts the job, read from the shard as it is sent."""
    yield HEAD
    left = shard.bytes
    with shard.path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            left -= len(chunk)
            yield (chunk if left else chunk[:-1]).replace(b"\n", b",")
    yield TAIL

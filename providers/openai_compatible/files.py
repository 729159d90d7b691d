"""Files at the service: a shard that is brought there, an output that is taken from there."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.errors import Busy, Rejected
from pipeline.provider import Download, Shard
from providers.openai_compatible.services import Service
from providers.wire.check_answer import identifier, record
from providers.wire.http_client import Http, Missing


def uploaded(http: Http, service: Service, shard: Shard) -> str:
    """The id of the file that now holds the shard."""
    with shard.path.open("rb") as stream:
        upload = {"file": (f"{shard.key}.jsonl", stream, "application/jsonl")}
        form = {"purpose": service.purpose}
        answer = http.ask("upload", "POST", service.files, data=form, files=upload)
    file = record(answer, "upload")
    stored = file.get("bytes", file.get("size_bytes"))
    if isinstance(stored, int) and stored and stored != shard.bytes:
        raise Busy(f"the upload stored {stored:,} of {shard.bytes:,} bytes")
    return identifier(file.get("id"), "upload")


def download(http: Http, service: Service, name: str, file_id: str) -> Iterator[Download]:
    """One file as a stream; the connection is closed when the core is done with it."""
    path = f"{service.files}/{file_id}"
    size = _size(http, path)
    try:
        with http.open("download", f"{path}/content") as chunks:
            yield Download(name, size, chunks)
    except Missing:
        yield Download(name, size, None)


def _size(http: Http, path: str) -> int | None:
    """The service's own figure; a service that does not tell is no reason to fail."""
    try:
        file = record(http.ask("file", "GET", path), "file")
    except (Busy, Rejected):
        return None
    size = file.get("bytes", file.get("size_bytes"))
    return size if isinstance(size, int) and size >= 0 else None

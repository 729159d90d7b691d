"""An upload, which is two calls: one names the address for the bytes, one brings them there."""

from __future__ import annotations

import re
from typing import Any

from pipeline.errors import Busy
from pipeline.provider import Shard
from providers.gemini.address import API
from providers.gemini.job import part
from providers.wire.check_answer import record
from providers.wire.http_client import Http

MIME = "application/jsonl"
URL = re.compile(r"https?://[^/?#\s]+(/\S*)")  # the path and what follows


def uploaded(http: Http, shard: Shard) -> dict[str, Any]:
    """The file, as the service describes it."""
    where = _path(http, shard)
    headers = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0"}
    with shard.path.open("rb") as stream:
        answer = http.ask("upload", "POST", where, headers=headers, content=stream)
    return part(record(answer, "upload"), "file")


def _path(http: Http, shard: Shard) -> str:
    """Where the bytes go. Only the path is taken from the answer: the key goes to no other host."""
    headers = {
        "X-Goog-Upload-Protocol": "resumable",
        "X-Goog-Upload-Command": "start",
        "X-Goog-Upload-Header-Content-Length": str(shard.bytes),
        "X-Goog-Upload-Header-Content-Type": MIME,
    }
    file = {"displayName": shard.key, "mimeType": MIME, "sizeBytes": shard.bytes}
    answer = http.send("upload", "POST", f"/upload{API}/files", headers=headers, json={"file": file})
    if not (url := URL.fullmatch(answer.headers.get("x-goog-upload-url", ""))):
        raise Busy("upload: the answer names no address for the bytes")
    return url[1].removeprefix(URL.fullmatch(f"{http.base}/")[1].rstrip("/"))

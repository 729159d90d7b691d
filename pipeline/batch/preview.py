"""The command `preview`: a request before it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from pipeline.base.workspace import Workspace
from pipeline.batch.request_index import indexed
from pipeline.errors import InputError, clean
from pipeline.money.tokens import count


def preview(ws: Workspace, line_of: Callable[[Any], bytes], wanted: str, as_json: bool) -> Iterator[str]:
    """The request for the transcript with that id, or custom_id: for reading, or the line that is sent.

    `line_of` gives the line of a request. Raises InputError if there is none.
    """
    request = _request(ws, wanted)
    line = line_of(request)
    if as_json:
        yield line.decode()
        return
    body = request["body"]
    about = {name: value for name, value in body.items() if name != "messages"}
    (tokens,) = count([body], body["model"])
    yield f"custom_id  {request['custom_id']}"
    yield f"body       {orjson.dumps(about).decode()}"
    yield f"size       about {tokens:,} tokens, {len(line):,} bytes"
    for message in body["messages"]:
        yield f"\n--- {message['role']} ---"
        yield from (clean(text, 100_000) for text in message["content"].split("\n"))


def _request(ws: Workspace, wanted: str) -> dict[str, Any]:
    if not ws.batch.exists():
        raise InputError(f"{ws.batch}: no such file; run `make batch`")
    for request, carried in indexed(ws):
        if wanted in ("", request["custom_id"], carried["whole"], carried["id"]):
            return request
    raise InputError(f"no transcript has the id {wanted!r}; `make preview` without ID shows the first")

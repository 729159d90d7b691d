"""A prompt and a request before anything is sent: the commands `prompts` and `preview`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import orjson

from pipeline.base.workspace import Workspace
from pipeline.batch import prompt_file
from pipeline.errors import InputError, clean
from pipeline.jobs import shards
from pipeline.jobs.ledger import Ledger
from pipeline.money.tokens import count
from pipeline.provider import Provider
from pipeline.results.merge import indexed


def preview(ws: Workspace, provider: Provider, wanted: str, as_json: bool) -> Iterator[str]:
    """The request for the transcript with that id, or custom_id: for reading, or the line that is sent.

    Raises InputError if there is none.
    """
    request = _request(ws, wanted)
    line = shards.line(Ledger(ws), provider, request)
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


def prompts() -> Iterator[str]:
    """A block for each prompt that says what it is about."""
    listed = prompt_file.listed()
    for prompt in listed:
        how = ", ".join(
            f"{name} {prompt.fields[name]}"
            for name in ("model", "max_tokens", "temperature")
            if name in prompt.fields
        )
        yield f"{prompt.path}: {clean(prompt.fields['about'])}{f' ({how})' if how else ''}"
        example = prompt.fields.get("example", "").strip()
        yield from (textwrap.indent(clean(line, 200), "    ") for line in example.split("\n") if line)
        yield ""
    yield (
        "`make batch PROMPT=chapters` uses one; copy it for a prompt of your own."
        if listed
        else "no prompts in data/prompts"
    )

"""Workspaces of older releases, which did not write down what a request was made from: it is told from their files.

They are read before anything is made anew: settings, inputs, transcripts.jsonl, prompts.json, batch.jsonl and its
index, round.jsonl. What was sent by another batch than this stays without a row, and is known by its line alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import orjson

from pipeline import kept
from pipeline.errors import PipelineError, ProviderError
from pipeline.files import BUFFER, atomic
from pipeline.ledger import Ledger, Receipt
from pipeline.made import made, readings, source
from pipeline.prompt import MAX_TOKENS, Prompt
from pipeline.prompts import Prompts, load
from pipeline.provider import Provider
from pipeline.settings import stamped
from pipeline.workspace import Workspace

FITTED = ("response_format", "cache_prefix", "model")  # said in a service's own words, or with the job


def remember(ws: Workspace, plugin: Callable[[], Provider]) -> None:
    """Write what the lines of older shards were made from. Does nothing where it is written, or cannot be told."""
    ledger = Ledger(ws)
    bare = [receipt for receipt in ledger if not ledger.made(receipt).exists()]
    if not bare:
        return
    with suppress(OSError, PipelineError, ValueError, KeyError):
        provider = plugin()
        known = list(_known(ws, provider))
        for receipt in bare:
            _write(ledger, provider, receipt, known)


def _known(ws: Workspace, provider: Provider) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Of each request that lies there: its custom_id as it is sent, its body, and its row."""
    prompts, transcripts = _prompts(ws), dict(_transcripts(ws))
    overlap = stamped(ws.settings).get("overlap")
    with ws.index.open("rb", buffering=BUFFER) as index:
        for request, line in zip(_rows(ws.batch), index, strict=True):
            about = orjson.loads(line)
            cut = overlap if about["part"] else None
            now = made(prompts.of(request["custom_id"]), cut, transcripts[about["id"]])
            yield _sent_as(request, provider), request["body"], about | {"made": asdict(now)}
    for request in _rows(ws.round) if ws.round.exists() else ():
        yield _sent_as(request, provider), request["body"], kept.combining(request["custom_id"], prompts)


def _prompts(ws: Workspace) -> Prompts:
    """Those of the batch, with what a person said of them: all that is no default."""
    context = stamped(ws.settings).get("context")
    return Prompts(tuple(_said(prompt, bool(context)) for prompt in load(ws)))


def _said(prompt: Prompt, window: bool) -> Prompt:
    said = [("max_tokens", prompt.max_tokens != MAX_TOKENS), ("window", window)]
    return replace(prompt, given=prompt.given or tuple(name for name, given in said if given))


def _transcripts(ws: Workspace) -> Iterator[tuple[str, str]]:
    """Id and source of each; a record's is not known, so that what was read of it must do."""
    encoding = stamped(ws.inputs).get("encoding")
    for row in _rows(ws.transcripts):
        about = {**row.get("source", {}), "given": encoding, "encoding": encoding}
        yield row["id"], f"{source({'source': about})} {readings(row)}"


def _write(ledger: Ledger, provider: Provider, receipt: Receipt, known: list) -> None:
    """The rows of a shard, if the requests that lie there are those that were sent."""
    mine = {name: (body, row) for name, body, row in known if (row["prompt"] or "") == receipt.prompt}
    rows, at = [], 0
    for line in ledger.lines(receipt):
        start, at = at, at + len(line) + 1
        body, row = mine.get(provider.custom_id(line), (None, {}))
        if (
            body is None
            or body["model"] != receipt.model
            or not _leaves(_told(body)) <= _leaves(orjson.loads(line))
        ):
            continue
        rows.append(row | {"at": start})
    if rows:
        with atomic(ledger.made(receipt)) as stream:
            stream.writelines(orjson.dumps(row) + b"\n" for row in rows)


def _told(body: Mapping[str, Any]) -> dict[str, Any]:
    """What of a body stands in any service's line: each has words of its own for the roles."""
    said = [message["content"] for message in body["messages"]]
    return {name: value for name, value in body.items() if name not in FITTED} | {"messages": said}


def _leaves(value: Any) -> set[Any]:
    """All texts and numbers in a value of JSON."""
    if isinstance(value, dict):
        return set().union(*map(_leaves, value.values()))
    if isinstance(value, list):
        return set().union(*map(_leaves, value))
    return {value} if isinstance(value, str | int | float) else set()


def _sent_as(request: dict[str, Any], provider: Provider) -> str:
    try:
        return provider.custom_id(provider.encode(request))
    except ProviderError:  # today's code would not send it
        return request["custom_id"]


def _rows(path: Path) -> Iterator[Any]:
    with path.open("rb", buffering=BUFFER) as stream:
        yield from map(orjson.loads, stream)

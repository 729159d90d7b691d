"""Workspaces of older releases, which did not write down what a request was made from: it is told from their files.

They are read before anything is made anew: settings, inputs, transcripts.jsonl, prompts.json, batch.jsonl and its
index, round.jsonl. What was sent by another batch than this stays without a row, and is known by its line alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from pipeline import kept
from pipeline.errors import PipelineError, ProviderError
from pipeline.files import BUFFER, atomic
from pipeline.ledger import Ledger, Receipt, identity
from pipeline.made import made, parts, readings, source
from pipeline.prompt import COMBINE, Prompt
from pipeline.prompts import Prompts, load
from pipeline.provider import Provider
from pipeline.settings import stamped
from pipeline.workspace import Workspace

FITTED = ("response_format", "cache_prefix", "model")  # said in a service's own words, or with the job
# Defaults of 8e20d87: what nobody said.
MAX_TOKENS, OVERLAP = 4000, 200
COMBINED = "2c362166e3924ff7"  # blake2b, 8 bytes, of the words that ask for one answer out of several

Known = dict[str, tuple[dict[str, Any], dict[str, Any]]]  # by custom_id as sent: a body, and its row


def remember(ws: Workspace, plugin: Callable[[], Provider]) -> None:
    """Write what the lines of older shards were made from. Does nothing where it is written, or cannot be told."""
    ledger = Ledger(ws)
    bare = [receipt for receipt in ledger if _lacks(ledger, receipt)]
    if not bare:
        return
    with suppress(OSError, PipelineError, ValueError, KeyError, TypeError, AttributeError):
        provider = plugin()
        known, contents = dict(_known(ws, provider)), defaultdict(dict)
        for receipt in bare:
            _write(ledger, provider, receipt, known, contents)


def _lacks(ledger: Ledger, receipt: Receipt) -> bool:
    """Whether rows of a shard are missing, and the batch is newer than the last look."""
    path, batch = ledger.made(receipt), ledger.ws.batch
    if not path.exists():
        return True
    if not batch.exists() or batch.stat().st_mtime_ns <= path.stat().st_mtime_ns:
        return False
    with path.open("rb", buffering=BUFFER) as stream:
        ours = b"read:" in stream.readline() or not path.stat().st_size  # a release that writes rows writes all
        return ours and sum(1 for _ in stream) + 1 < receipt.requests


def _known(ws: Workspace, provider: Provider) -> Iterator[tuple[str, tuple[dict[str, Any], dict[str, Any]]]]:
    """Of each request that lies there: its custom_id as it is sent, its body, and its row."""
    prompts, transcripts = _prompts(ws), {row["id"]: row for row in _rows(ws.transcripts)}
    overlap, encoding = stamped(ws.settings).get("overlap"), stamped(ws.inputs).get("encoding")
    overlap = None if overlap == OVERLAP else overlap
    ordered = ws.batch.stat().st_mtime_ns >= ws.transcripts.stat().st_mtime_ns
    with ws.index.open("rb", buffering=BUFFER) as index:
        for request, line in zip(_rows(ws.batch), index, strict=True):
            row, prompt = orjson.loads(line), prompts.of(request["custom_id"])
            if ordered or _says(request, transcripts[row["id"]], row["part"]):
                now = made(prompt, overlap, _source(transcripts[row["id"]], encoding))
                yield _sent_as(request, provider), (request["body"], row | {"made": asdict(now)})
    for request in _rows(ws.round) if ws.round.exists() else ():
        row = kept.combining({"combines": "", **request}, prompts)
        yield _sent_as(request, provider), (request["body"], row)


def _prompts(ws: Workspace) -> Prompts:
    """Those of the batch, with what a person said of them: all that was no default."""
    return Prompts(tuple(_said(prompt, stamped(ws.settings)) for prompt in load(ws)))


def _said(prompt: Prompt, stamp: Mapping[str, Any]) -> Prompt:
    said = [
        ("max_tokens", stamp.get("max_tokens") or prompt.max_tokens != MAX_TOKENS),
        ("window", stamp.get("context")),
    ]
    default = blake2b(prompt.combine.encode(), digest_size=8).hexdigest() == COMBINED
    given = prompt.given or tuple(name for name, value in said if value)
    return replace(prompt, given=given, combine=COMBINE if default else prompt.combine)


def _source(transcript: Mapping[str, Any], encoding: str | None) -> str:
    """A record's is not known, so that what was read of it must do."""
    about = {**transcript.get("source", {}), "given": encoding, "encoding": encoding}
    return f"{source({'source': about})} {readings(transcript)}"


def _says(request: Mapping[str, Any], transcript: Mapping[str, Any], part: Mapping[str, Any] | None) -> bool:
    """Whether a request says the words of a transcript: the batch may be older than it."""
    text = transcript["text"]
    words = text[part["from"] - part["repeats"] : part["to"]] if part else text
    return words in request["body"]["messages"][-1]["content"]


def _write(ledger: Ledger, provider: Provider, receipt: Receipt, known: Known, contents: dict) -> None:
    """The rows of a shard, of requests that lie there and were sent, besides those that are known.

    `contents` are the lines of parts.
    """
    path, at = ledger.made(receipt), 0
    rows = {row["at"]: row for row in _rows(path)} if path.exists() else {}
    for line in ledger.lines(receipt):
        start, at = at, at + len(line) + 1
        body, row = known.get(provider.custom_id(line), ({}, {}))
        if not body or not _sent(body, row, line, receipt):
            continue
        if row["part"]:
            contents[row["whole"]][row["part"]["number"]] = provider.content(line)
        if not row["made"]["source"]:
            row["made"]["source"] = parts(said for _, said in sorted(contents[row["whole"]].items()))
        rows.setdefault(start, row | {"at": start, "line": identity(line).hex()})
    with atomic(path) as stream:
        stream.writelines(orjson.dumps(row) + b"\n" for _, row in sorted(rows.items()))


def _sent(body: Mapping[str, Any], row: Mapping[str, Any], line: bytes, receipt: Receipt) -> bool:
    """Whether a line of a shard is this request: all its texts and numbers stand in it."""
    alike = (body["model"], row["prompt"] or "") == receipt.kind
    return alike and _leaves(_told(body)) <= _leaves(orjson.loads(line))


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
        return provider.custom_id(provider.encode({name: request[name] for name in ("custom_id", "body")}))
    except ProviderError:  # today's code would not send it
        return request["custom_id"]


def _rows(path: Path) -> Iterator[Any]:
    with path.open("rb", buffering=BUFFER) as stream:
        yield from map(orjson.loads, stream)

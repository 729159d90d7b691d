"""Workspaces of older releases, which did not write down what a request was made from: it is told from their files.

They are read before anything is made anew: settings, inputs, transcripts.jsonl, prompts.json, batch.jsonl and its
index, round.jsonl. What was sent by another batch than this stays without a row, and is known by its line alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from hashlib import blake2b
from typing import Any

import orjson

from pipeline.base.atomic_files import BUFFER, atomic
from pipeline.base.lines import escape, rows
from pipeline.base.workspace import Workspace
from pipeline.batch.made_from import made, parts, readings, source
from pipeline.batch.prompt import COMBINE, Prompt
from pipeline.batch.remembered_settings import stamped
from pipeline.batch.request_index import combining
from pipeline.batch.request_line import identity
from pipeline.batch.saved_prompts import Prompts, load
from pipeline.errors import PipelineError, ProviderError
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.older_requests import Request, was_sent
from pipeline.jobs.receipt import Receipt
from pipeline.provider import Provider

# Defaults of 8e20d87: what nobody said.
MAX_TOKENS, OVERLAP = 4000, 200
COMBINED = "2c362166e3924ff7"  # blake2b, 8 bytes, of the words that ask for one answer out of several


Known = dict[str, Request]  # by custom_id as sent


def remember(ws: Workspace, plugin: Callable[[], Provider]) -> None:
    """Write what the lines of older shards were made from. Does nothing where it is written, or cannot be told."""
    ledger = Ledger(ws)
    bare = [receipt for receipt in ledger if _lacks(ledger, receipt)]
    if not bare:
        return
    with suppress(OSError, PipelineError, ValueError, KeyError, TypeError, AttributeError):
        provider = plugin()
        known, contents = dict(_known(ws, provider)), {}
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


def _known(ws: Workspace, provider: Provider) -> Iterator[tuple[str, Request]]:
    """Each request that lies there and is of a transcript that does, by its custom_id as it is sent."""
    prompts, transcripts = _prompts(ws), {row["id"]: row for row in rows(ws.transcripts)}
    overlap, encoding = stamped(ws.settings).get("overlap"), stamped(ws.inputs).get("encoding")
    overlap = None if overlap == OVERLAP else overlap
    ordered = ws.batch.stat().st_mtime_ns >= ws.transcripts.stat().st_mtime_ns
    with ws.index.open("rb", buffering=BUFFER) as index:
        for request, line in zip(rows(ws.batch), index, strict=True):
            row, prompt = orjson.loads(line), prompts.of(request["custom_id"])
            transcript = transcripts[row["id"]]
            if "made" not in row and (ordered or _says(request, prompt, transcript, row["part"])):
                row["made"] = asdict(made(prompt, overlap, _source(transcript, encoding)))
            if "made" in row:
                yield _sent_as(request, row, provider)
    for request in rows(ws.round) if ws.round.exists() else ():
        yield _sent_as(request, combining({"combines": "", **request}, prompts), provider)


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


def _says(
    request: Mapping[str, Any], prompt: Prompt, transcript: dict[str, Any], part: dict[str, Any] | None
) -> bool:
    """Whether a request says just what its prompt makes of this transcript: the batch may be older than that is."""
    said, text = request["body"]["messages"][-1]["content"], prompt.fill.source(transcript)
    if part is None:
        return said == prompt.fill(transcript)
    words = text[part["from"] - part["repeats"] : part["to"]]
    whole = prompt.fill({**transcript, "text": words, "timed": words})
    return part["length"] == len(text) and said.endswith(whole)


def _write(
    ledger: Ledger, provider: Provider, receipt: Receipt, known: Known, contents: dict[bytes, bytes]
) -> None:
    """The rows of a shard, of requests that lie there and were sent, besides those that are known.

    `contents` are the lines of parts without their ids, by what they ask.
    """
    path, at = ledger.made(receipt), 0
    there = {row["at"]: row for row in rows(path)} if path.exists() else {}
    for line in ledger.lines(receipt):
        start, at = at, at + len(line) + 1
        one = known.get(provider.custom_id(line))
        if one is None or not was_sent(one, line, receipt):
            continue
        contents[_asked(one)] = provider.content(line)
        row = one.row | {"at": start, "line": identity(line).hex()}
        if not row["made"]["source"]:
            mine = [other for other in known.values() if other.row["part"] and other.row["whole"] == row["whole"]]
            asked = list(map(_asked, mine))
            if not contents.keys() >= set(asked):
                continue
            row["made"] = row["made"] | {"source": parts(map(contents.__getitem__, asked))}
        there.setdefault(start, row)
    with atomic(path) as stream:
        stream.writelines(orjson.dumps(row) + b"\n" for _, row in sorted(there.items()))


def _asked(one: Request) -> bytes:
    return identity(orjson.dumps(one.body))


def _sent_as(request: dict[str, Any], row: dict[str, Any], provider: Provider) -> tuple[str, Request]:
    """Under the custom_id that its line has. What today's code would not send has its own."""
    name, line = request["custom_id"], b""
    with suppress(ProviderError):
        line = provider.encode({key: request[key] for key in ("custom_id", "body")})
        name, line = provider.custom_id(line), escape(line)
    return name, Request(request["body"], row, line)

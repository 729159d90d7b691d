"""The stage `batch`: transcripts in, one request a line out."""

from __future__ import annotations

import filecmp
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import orjson

import schemas
from pipeline.base.files import atomic, escape
from pipeline.base.records import Faults, blame, records
from pipeline.base.seen_ids import Ids
from pipeline.base.warning_limit import Notices
from pipeline.base.workspace import Workspace
from pipeline.batch import custom_id
from pipeline.batch.context_window import Window
from pipeline.batch.made_from import Made, made, source
from pipeline.batch.prompt import Prompt
from pipeline.batch.saved_prompts import Prompts
from pipeline.batch.too_long import pieces
from pipeline.errors import InputError, TooLong, Unencodable
from pipeline.jobs import shards
from pipeline.jobs.keep_as_sent import Kept, Stored
from pipeline.jobs.ledger import Ledger
from pipeline.provider import Provider

CARRIED = ("title", "show", "published", "metadata")  # what results take over from the transcript
ASKED = ("episode", "language", "duration", "speakers")  # what a request that combines answers may need besides
LONGER = "ask with LONG=split, LONG=truncate or a smaller MAX_TOKENS"
Request = dict[str, Any]
Pair = tuple[Request, dict[str, Any]]  # a request, and its row of the index
Row = Callable[[dict[str, Any] | None, dict[str, Any]], dict[str, Any]]  # of a part, and what it was made from
SUFFIX = len(".r2p0001")  # what a custom_id of a part has behind it, at most


def batch(
    ws: Workspace,
    provider: Provider,
    asked: Sequence[Prompt],
    overlap: int | None = None,
    verbose: bool = False,
    say: Callable[[str], None] = print,
) -> int:
    """Write batch.jsonl, and index.jsonl beside it: what each request is of. Returns how many there are.

    What was sent stands as it was sent, if it was made from the same; all else is made anew. `overlap` is how many
    tokens a part of a long transcript repeats of the one before. Raises InputError with all faults of
    transcripts.jsonl, those that are too long among them, and publishes nothing then.
    """
    if not ws.transcripts.exists():
        raise InputError(f"{ws.transcripts}: no such file; run `make transcripts TRANSCRIPTS=…`")
    faults, notices, seen, count, several = Faults(), Notices(say, verbose), Ids(), 0, Prompts(tuple(asked))
    refused, sent = False, Kept(Ledger(ws))
    asks = [made(prompt, overlap) for prompt in several]
    with atomic(ws.batch) as requests, atomic(ws.index) as index:
        for number, transcript in records(ws.transcripts, "transcript", faults):
            where = f"{ws.transcripts}:{number}"
            try:
                pairs = list(_requests(transcript, several, asks, provider, sent))
            except TooLong as error:
                refused = True
                faults.add(where, f"{transcript['id']!r}: {error}")
                continue
            if before := seen.first(pairs[0][0]["custom_id"], where):
                faults.add(where, f"$.id: {transcript['id']!r} is also the id at {before}")
                continue
            for request, carried in pairs:
                count += 1
                if not schemas.is_valid("request")(request):
                    blame(ws.batch, count, schemas.faults("request", request), faults)
                requests.write(escape(orjson.dumps(request)) + b"\n")
                index.write(orjson.dumps(carried) + b"\n")
                if (part := carried["part"]) and part["number"] == 1:
                    notices.add("long", transcript["id"], _cut(part))
        faults.check(f"{LONGER if refused else 'mend the input'}, and run `make batch` again")
        if ws.round.exists() and not (_same_file(requests, ws.batch) and _same_file(index, ws.index)):
            ws.round.unlink()  # it combines answers to another batch
        several.save(ws)
    notices.close()
    return count


def _same_file(stream: BinaryIO, path: Path) -> bool:
    """Whether what was written is what lies there."""
    stream.flush()
    return path.exists() and filecmp.cmp(stream.name, path, shallow=False)


def _requests(
    transcript: dict[str, Any], asked: Prompts, asks: Sequence[Made], provider: Provider, before: Kept
) -> Iterator[Pair]:
    """The requests of one transcript, each with its row of the index. `asks` is what each prompt does.

    Raises TooLong.
    """
    origin = source(transcript)
    for prompt, ask in zip(asked, asks, strict=True):
        row = partial(_row, transcript, prompt, asked.suffix(prompt))
        built = _built(transcript, prompt, provider, row, vars(ask) | {"source": origin})
        sent = before.find(transcript, ask, prompt)
        yield from _as_sent(sent, _today(sent, built, provider, before), before, row) if sent else built


def _built(
    transcript: dict[str, Any], prompt: Prompt, provider: Provider, row: Row, made: dict[str, Any]
) -> Iterator[Pair]:
    """The requests of one transcript and prompt, as they are made today."""
    for body, part in pieces(prompt, transcript, Window.of(provider, prompt), made["overlap"]):
        carried = row(part, made)
        yield {"custom_id": carried["custom_id"], "body": body}, carried


def _row(
    transcript: dict[str, Any], prompt: Prompt, suffix: str, part: dict[str, Any] | None, made: dict[str, Any]
) -> dict[str, Any]:
    """A row of the index. `whole` is the custom_id of its result: parts have one in common."""
    split = bool(part and part["of"] > 1)
    stem = custom_id.stem(transcript["id"], custom_id.MOST - len(suffix and f".{suffix}") - split * SUFFIX)
    whole = custom_id.custom_id(stem, suffix)
    name = custom_id.custom_id(whole, f"p{part['number']:02d}") if split else whole
    row = {"id": transcript["id"], "custom_id": name, "whole": whole, "prompt": prompt.name or None, "part": part}
    row |= {"made": made, **{key: transcript.get(key) for key in CARRIED}}
    return row | {key: transcript[key] for key in ASKED if key in transcript} if part else row


def _as_sent(sent: list[Stored], today: list[Request], before: Kept, row: Row) -> Iterator[Pair]:
    """The requests that were sent for these, each with its row of then, or with one of today under another id."""
    for one, request in zip(sent, today or [None] * len(sent), strict=True):
        mine = row(one.row["part"], one.row["made"])
        own = mine["custom_id"] == one.row["custom_id"]
        yield request or before.request(one, mine["custom_id"]), one.carried if own else mine


def _today(sent: list[Stored], built: Iterator[Pair], provider: Provider, before: Kept) -> list[Request]:
    """What is made today, if it asks the very same as what was sent; else nothing."""
    with suppress(InputError, Unencodable):
        requests = [request for request, _ in built]
        lines = [shards.encode(provider, request) for request in requests]
        if len(lines) == len(sent) and all(map(partial(_same, provider), lines, map(before.line, sent))):
            return requests
    return []


def _same(provider: Provider, line: bytes, sent: bytes) -> bool:
    return line == sent or provider.content(line) == provider.content(sent)


def _cut(part: Mapping[str, Any]) -> str:
    if part["of"] > 1:
        return f"too long for the window: asked in {part['of']} parts, whose answers are combined"
    return f"too long for the window: only {part['to'] / part['length']:.0%} of it is sent".replace("%", " %")

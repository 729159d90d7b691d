"""The stage `batch`: transcripts in, one request a line out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson

import schemas
from pipeline import custom_id, shards
from pipeline.errors import InputError, TooLong, Unencodable
from pipeline.files import atomic, escape
from pipeline.ids import Ids
from pipeline.kept import Kept, Stored
from pipeline.ledger import Ledger
from pipeline.long import OVERLAP, pieces
from pipeline.made import Made, made, reading, source
from pipeline.notices import Notices
from pipeline.prompt import Prompt
from pipeline.prompts import Prompts
from pipeline.provider import Provider
from pipeline.validate import Faults, blame, records
from pipeline.window import Window
from pipeline.workspace import Workspace

CARRIED = ("title", "show", "published", "metadata")  # what results take over from the transcript
ASKED = ("episode", "language", "duration", "speakers")  # what a request that combines answers may need besides
LONGER = "ask with LONG=split, LONG=truncate or a smaller MAX_TOKENS"
Pair = tuple[dict[str, Any], dict[str, Any]]  # a request, and its row of the index
SUFFIX = len(".r2p0001")  # what a custom_id of a part has behind it, at most


def batch(
    ws: Workspace,
    provider: Provider,
    asked: Sequence[Prompt],
    overlap: int = OVERLAP,
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
    asks = [made(prompt, overlap=overlap) for prompt in several]
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
        ws.round.unlink(missing_ok=True)  # it combines answers to another batch
        several.save(ws)
    notices.close()
    return count


def _requests(
    transcript: dict[str, Any], asked: Prompts, made: Sequence[Made], provider: Provider, before: Kept
) -> Iterator[Pair]:
    """The requests of one transcript, each with its row of the index. `made` is what each prompt asks.

    Raises TooLong.
    """
    origin = {"source": source(transcript), "reading": reading(transcript)}
    for prompt, ask in zip(asked, made, strict=True):
        suffix = asked.suffix(prompt)
        built = _built(transcript, prompt, suffix, provider, vars(ask) | origin)
        sent = before.find(transcript["id"], suffix, ask, origin, prompt)
        yield from _as_sent(sent, built, provider, before) if sent else built


def _built(
    transcript: dict[str, Any], prompt: Prompt, suffix: str, provider: Provider, now: dict[str, Any]
) -> Iterator[Pair]:
    """The requests of one transcript and prompt, as they are made today."""
    made = pieces(prompt, transcript, Window.of(provider, prompt), now["overlap"])
    split = len(made) > 1
    stem = custom_id.stem(transcript["id"], custom_id.MOST - len(suffix and f".{suffix}") - split * SUFFIX)
    whole = custom_id.custom_id(stem, suffix)
    for body, part in made:
        name = custom_id.custom_id(whole, f"p{part['number']:02d}") if split else whole
        yield {"custom_id": name, "body": body}, _carried(name, whole, transcript, prompt.name, part, now)


def _as_sent(sent: list[Stored], built: Iterator[Pair], provider: Provider, before: Kept) -> Iterator[Pair]:
    """The requests that were sent, with their rows of then; as they are made today, where that is the same line."""
    lines, today = [before.line(one) for one in sent], []
    with suppress(InputError, Unencodable):
        today = [request for request, _ in built]
        same = lines == [shards.encode(provider, request) for request in today]
        today = today if same else []
    for one, request in zip(sent, today or map(before.request, sent), strict=True):
        yield request, one.carried


def _carried(
    name: str,
    whole: str,
    transcript: dict[str, Any],
    prompt: str,
    part: dict[str, Any] | None,
    now: dict[str, Any],
) -> dict[str, Any]:
    """A row of the index. `whole` is the custom_id of its result: parts have one in common."""
    now = now if part else now | {"overlap": None}
    row = {"id": transcript["id"], "custom_id": name, "whole": whole, "prompt": prompt or None, "part": part}
    row |= {"made": now, **{key: transcript.get(key) for key in CARRIED}}
    return row | {key: transcript[key] for key in ASKED if key in transcript} if part else row


def _cut(part: Mapping[str, Any]) -> str:
    if part["of"] > 1:
        return f"too long for the window: asked in {part['of']} parts, whose answers are combined"
    return f"too long for the window: only {part['to'] / part['length']:.0%} of it is sent".replace("%", " %")

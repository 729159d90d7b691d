"""The requests of one transcript: as they were sent, if they were; else as they are made today."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from pipeline.batch import custom_id
from pipeline.batch.fit_window import Window
from pipeline.batch.made_from import Made, source
from pipeline.batch.prompt import Prompt
from pipeline.batch.request_index import ASKED, CARRIED
from pipeline.batch.request_line import encode
from pipeline.batch.saved_prompts import Prompts
from pipeline.batch.sent_before import Before, Stored
from pipeline.batch.too_long import pieces
from pipeline.errors import InputError, Unencodable
from pipeline.provider import Provider

Request = dict[str, Any]
Pair = tuple[Request, dict[str, Any]]  # a request, and its row of the index
Row = Callable[[dict[str, Any] | None, dict[str, Any]], dict[str, Any]]  # of a part, and what it was made from
SUFFIX = len(".r2p0001")  # what a custom_id of a part has behind it, at most


def requests(
    transcript: dict[str, Any], asked: Prompts, asks: Sequence[Made], provider: Provider, before: Before
) -> Iterator[Pair]:
    """Each with its row of the index. `asks` is what each prompt does. Raises TooLong."""
    origin = source(transcript)
    for prompt, ask in zip(asked, asks, strict=True):
        row = partial(_row, transcript, prompt, asked.suffix(prompt))
        built = _built(transcript, prompt, provider, row, vars(ask) | {"source": origin})
        sent = before.find(transcript, ask, prompt)
        yield from _as_sent(sent, _today(sent, built, provider, before), before, row) if sent else built


def _built(
    transcript: dict[str, Any], prompt: Prompt, provider: Provider, row: Row, made: dict[str, Any]
) -> Iterator[Pair]:
    """The requests of one prompt, as they are made today."""
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


def _as_sent(sent: list[Stored], today: list[Request], before: Before, row: Row) -> Iterator[Pair]:
    """The requests that were sent for these, each with its row of then, or with one of today under another id."""
    for one, request in zip(sent, today or [None] * len(sent), strict=True):
        mine = row(one.row["part"], one.row["made"])
        own = mine["custom_id"] == one.row["custom_id"]
        yield request or before.request(one, mine["custom_id"]), one.carried if own else mine


def _today(sent: list[Stored], built: Iterator[Pair], provider: Provider, before: Before) -> list[Request]:
    """What is made today, if it asks the very same as what was sent; else nothing."""
    with suppress(InputError, Unencodable):
        requests = [request for request, _ in built]
        lines = [encode(provider, request) for request in requests]
        if len(lines) == len(sent) and all(map(partial(_same, provider), lines, map(before.line, sent))):
            return requests
    return []


def _same(provider: Provider, line: bytes, sent: bytes) -> bool:
    return line == sent or provider.content(line) == provider.content(sent)

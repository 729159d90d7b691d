"""What a transcript asks: one request; or, where it does not fit the model's window, as LONG says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline.base.humanize import span
from pipeline.batch.cut_text import Part, beginning, cut
from pipeline.batch.fit_window import Window
from pipeline.batch.made_from import OVERLAP
from pipeline.batch.prompt import Prompt
from pipeline.batch.text_with_times import Moments, moments, when
from pipeline.errors import TooLong

CUT = "This is the beginning of a longer transcript; the rest is left out."

# A request's body; and of which part of a transcript it is, None if of all.
Piece = tuple[dict[str, Any], dict[str, Any] | None]


def pieces(prompt: Prompt, transcript: Mapping[str, Any], window: Window, overlap: int = OVERLAP) -> list[Piece]:
    """The requests of one transcript, in order. Raises TooLong for one that is refused."""
    body = prompt.body(transcript)
    if prompt.window is None or window.takes(body, surely=prompt.long != "refuse"):
        return [(body, None)]
    return list(HOW[prompt.long](prompt, transcript, window, overlap))


def _refuse(prompt: Prompt, transcript: Mapping[str, Any], window: Window, overlap: int) -> Iterator[Piece]:
    tokens = window.expected(prompt.fill(transcript))
    raise TooLong(
        f"about {tokens:,} tokens and {prompt.max_tokens:,} for the answer; {window.model} takes {window.size:,}"
    )


def _truncate(prompt: Prompt, transcript: Mapping[str, Any], window: Window, overlap: int) -> Iterator[Piece]:
    text, shares = prompt.fill.source(transcript), window.shares(prompt, transcript, combine=False)
    yield from _made(prompt, transcript, text, [beginning(text, shares.text, window.most)], shares.answer)


def _split(prompt: Prompt, transcript: Mapping[str, Any], window: Window, overlap: int) -> Iterator[Piece]:
    text, shares = prompt.fill.source(transcript), window.shares(prompt, transcript, combine=True)
    yield from _made(prompt, transcript, text, cut(text, shares.text, overlap, window.most), shares.answer)


HOW: Mapping[str, Callable[[Prompt, Mapping[str, Any], Window, int], Iterator[Piece]]] = {
    "refuse": _refuse,
    "split": _split,
    "truncate": _truncate,
}


def _made(
    prompt: Prompt, transcript: Mapping[str, Any], text: str, parts: list[Part], most: int
) -> Iterator[Piece]:
    if parts == [Part(0, 0, len(text))]:  # it fits beside a shorter answer
        yield prompt.body(transcript, most=most), None
        return
    known = moments(text, transcript.get("segments") or ())
    for number, part in enumerate(parts, 1):
        about = _about(part, number, len(parts), len(text), known)
        said = text[part.start : part.end]
        yield prompt.body({**transcript, "text": said, "timed": said}, above=_head(about), most=most), about


def _about(part: Part, number: int, of: int, length: int, known: Moments) -> dict[str, Any]:
    """Which part it is: in characters of the text that is sent, of which there are `length`, and of which `repeats`
    stand in the part before too; and in seconds, where the transcript has times."""
    start, end = when(known, part.begin, part.end)
    return {
        "number": number, "of": of, "from": part.begin, "to": part.end, "repeats": part.begin - part.start,
        "length": length, "start": start, "end": end,
    }  # fmt: skip


def _head(about: Mapping[str, Any]) -> str:
    if about["of"] == 1:
        return CUT
    again = " It begins with the end of the part before." if about["repeats"] else ""
    time = span(about["start"], about["end"])
    return (
        f"This is part {about['number']} of {about['of']} of a longer transcript{time}.{again} "
        "Answer for this part alone."
    )

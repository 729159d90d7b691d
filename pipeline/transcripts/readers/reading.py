"""What every reader returns: the words of one file, as segments or as text, and what the file says of itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from typing import Any

from pipeline.errors import InputError

Segment = dict[str, Any]  # {"start": s | None, "end": s | None, "speaker": str | None, "text": str}

Piece = tuple[float | None, float | None, str | None, str]  # a segment's values, in this order

LONG = 1000  # characters


class Unreadable(InputError):
    """No reader takes this file; the message says why, and which export works."""


@dataclass
class Reading:
    """One transcript as it stands in a file.

    `text` is None where it is to be made from the segments. `fields` are fields of the transcript schema
    (title, language, published, metadata, ...). `warnings` are sentences for a person. `folded` counts the lines
    of rolling captions that stood there twice.
    """

    format: str
    segments: list[Segment] = field(default_factory=list)
    text: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    folded: int = 0

    @cached_property
    def words(self) -> str:
        """The text that the model reads."""
        return join(self.segments) if self.text is None else self.text

    @property
    def speakers(self) -> list[str]:
        """Each speaker once, in the order of speaking."""
        return [name for name in dict.fromkeys([piece["speaker"] for piece in self.segments]) if name]


def segment(text: str, speaker: str | None = None, start: float | None = None, end: float | None = None) -> Segment:
    """One piece of speech; times in seconds."""
    return {"start": start, "end": end, "speaker": speaker, "text": text}


def tidy(segments: Iterable[Segment]) -> list[Segment]:
    """The segments that have words, white space folded; where a speaker is not named, the last one goes on."""
    return spoken(map(itemgetter("start", "end", "speaker", "text"), segments))


def spoken(pieces: Iterable[Piece]) -> list[Segment]:
    """`tidy` segments of pieces."""
    pieces, tidied, last = list(pieces), [], None
    for (start, end, speaker, _), words in zip(pieces, folded([piece[3] for piece in pieces]), strict=True):
        last = speaker or last
        if words:
            tidied.append({"start": start, "end": end, "speaker": last, "text": words})
    return tidied


def folded(texts: Iterable[str]) -> list[str]:
    """Each text with white space folded to single spaces. Most need nothing but a look, at half the price."""
    lines = [text.strip().replace("\n", " ") for text in texts]
    plain = "".join(lines).isprintable()  # of all white space, only the space is
    return [line if plain and "  " not in line else " ".join(line.split()) for line in lines]


def letters(texts: Iterable[str]) -> int:
    """How many characters there are, white space aside."""
    return sum(len("".join(text.split())) for text in texts)


def join(segments: list[Segment]) -> str:
    """Tidy segments as text: turns as paragraphs, `Name: words`; a long turn has several."""
    turns: list[tuple[str | None, list[str]]] = []
    before: object = segments  # nobody: None is a speaker too
    for piece in segments:
        if before != (before := piece["speaker"]):
            turns.append((before, []))
        turns[-1][1].append(piece["text"])
    return "\n\n".join(f"{name}: {part}" if name else part for name, texts in turns for part in _parts(texts))


def _parts(texts: list[str]) -> list[str]:
    """A paragraph ends with the first sentence that ends a segment when it is LONG."""
    words = " ".join(texts)
    if len(words) < LONG:
        return [words]
    parts, at, size = [], 0, 0
    for number, text in enumerate(texts, 1):
        size += len(text) + 1
        if size > LONG and text[-1] in ".?!…。？！":
            parts.append(" ".join(texts[at:number]))
            at, size = number, 0
    return [*parts, " ".join(texts[at:])] if at < len(texts) else parts

"""What every reader returns: the words of one file, as segments or as text, and what the file says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pipeline.errors import InputError

Segment = dict[str, Any]  # {"start": s | None, "end": s | None, "speaker": str | None, "text": str}

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
        return list(dict.fromkeys(s["speaker"] for s in self.segments if s["speaker"]))


def segment(text: str, speaker: str | None = None, start: float | None = None, end: float | None = None) -> Segment:
    """One piece of speech; times in seconds."""
    return {"start": start, "end": end, "speaker": speaker, "text": text}


def tidy(segments: Iterable[Segment]) -> list[Segment]:
    """The segments that have words, white space folded; where a speaker is not named, the last one goes on.

    Changes the segments themselves.
    """
    segments = list(segments)
    last = None
    for piece, words in zip(segments, folded([piece["text"] for piece in segments]), strict=True):
        last = piece["speaker"] = piece["speaker"] or last
        piece["text"] = words
    return [piece for piece in segments if piece["text"]]


def folded(texts: Iterable[str]) -> list[str]:
    """Each text with white space folded to single spaces. Most need nothing but a look, at half the price."""
    return [
        line
        if text.isascii() and "  " not in (line := text.replace("\n", " ")) and "\t" not in line
        else " ".join(text.split())
        for text in map(str.strip, texts)
    ]


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


def _parts(texts: list[str]) -> Iterator[str]:
    """A paragraph ends with the first sentence that ends a segment when it is LONG."""
    words = " ".join(texts)
    if len(words) < LONG:
        yield words
        return
    at = size = 0
    for number, text in enumerate(texts, 1):
        size += len(text) + 1
        if size > LONG and text[-1] in ".?!…。？！":
            yield " ".join(texts[at:number])
            at, size = number, 0
    if at < len(texts):
        yield " ".join(texts[at:])

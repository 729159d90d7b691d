"""Words with times, joined to sentences. A word is a segment whose text brings the space before it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import accumulate, chain
from operator import itemgetter

from pipeline.transcripts.readers.reading import Segment, letters

END = re.compile(r"[.?!…。？！][\"'”’»)\]]*\s*\Z")
NEVER = re.compile(r"(?!)")


def spaced(words: list[str], own: object) -> list[str]:
    """The words with the space that stands before each in the service's own text; else one space."""
    return spelled(words, own) or [f" {word}" for word in words]


def spelled(words: list[str], own: object) -> list[str] | None:
    """A text cut after each word; None if the words do not spell it, white space aside."""
    cut, at = [], 0
    text = own if isinstance(own, str) else ""
    for word in words:
        begin = at
        for letter in "".join(word.split()):
            while text[at : at + 1].isspace():
                at += 1
            if text[at : at + 1] != letter:
                return None
            at += 1
        cut.append(text[begin:at])
    return None if text[at:].strip() else cut


def sentences(words: Iterable[Segment], end: re.Pattern[str] = END) -> list[Segment]:
    """A segment for each sentence, or part of one by one speaker; a word without speaker has that of the last."""
    groups: list[list[Segment]] = []
    for word in words:
        if groups and _goes_on(groups[-1], word, end):
            groups[-1].append(word)
        elif word["text"].strip():
            groups.append([word])
    return [_joined(group) for group in groups]


def _goes_on(before: list[Segment], word: Segment, end: re.Pattern[str]) -> bool:
    text = word["text"]
    if not text.strip():
        return True
    if word["speaker"] not in (None, before[0]["speaker"]):
        return False
    last = next(piece["text"] for piece in reversed(before) if piece["text"].strip())
    return not end.search(last) or not (before[-1]["text"][-1].isspace() or text[0].isspace() or not last.isascii())


def _joined(group: list[Segment]) -> Segment:
    return {
        "start": next((word["start"] for word in group if word["start"] is not None), None),
        "end": next((word["end"] for word in reversed(group) if word["end"] is not None), None),
        "speaker": group[0]["speaker"],
        "text": "".join([word["text"] for word in group]),
    }


def interleaved(channels: list[list[Segment]]) -> list[Segment]:
    """The segments of several channels by their start; one without a start stays behind the one before it."""
    timed = chain.from_iterable(zip(_starts(pieces), pieces, strict=True) for pieces in channels)
    return [piece for _, piece in sorted(timed, key=itemgetter(0))]


def _starts(pieces: list[Segment]) -> list[float]:
    starts = accumulate([p["start"] for p in pieces], lambda last, now: last if now is None else now, initial=0.0)
    return list(starts)[1:]


def short(segments: list[Segment], own: object) -> list[str]:
    """A warning if there are fewer letters than in the text that the service itself made of the words."""
    here, there = letters([piece["text"] for piece in segments]), letters([own if isinstance(own, str) else ""])
    if here >= there:
        return []
    return [f"its parts hold {here:,} of the {there:,} letters of the file's own text"]

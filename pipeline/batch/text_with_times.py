"""The text of a transcript with times in it, for prompts that ask when."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.base.humanize import elapsed

APART = 30.0  # seconds from one time to the next, at least
FAR = 10_000  # characters that a segment may stand behind the one before


def timed(transcript: Mapping[str, Any]) -> str:
    """`[0:01:02] Name: words`, a line for each turn or APART seconds; the plain text where there are no times."""
    segments = transcript.get("segments") or []
    if not any(piece.get("start") is not None for piece in segments):
        return transcript["text"]
    lines: list[list[str]] = []
    last, said = None, -APART
    for piece in segments:
        start, speaker = piece.get("start"), piece.get("speaker")
        if not lines or speaker != last or (start is not None and start - said >= APART):
            clock = f"[{elapsed(max(start, 0))}] " if start is not None else ""
            lines.append([f"{clock}{speaker}: {piece['text']}" if speaker else f"{clock}{piece['text']}"])
            said = start if start is not None else said
        else:
            lines[-1].append(piece["text"])
        last = speaker
    return "\n".join(" ".join(words) for words in lines)


Moments = list[tuple[float, float]]  # where a segment ends, in characters of the text; when it begins, in seconds


def moments(text: str, segments: Iterable[Mapping[str, Any]]) -> Moments:
    """Of each segment that has a time and stands in the text; last, behind all text, when the last of them ends."""
    found: Moments = []
    at, last = 0, 0.0
    for piece in segments:
        place = text.find(piece["text"], at, at + len(piece["text"]) + FAR) if piece["text"] else -1
        if place >= 0:
            at = place + len(piece["text"])
            if piece.get("start") is not None:
                found.append((at, piece["start"]))
                last = piece["start"] if piece.get("end") is None else piece["end"]
    return [*found, (math.inf, last)] if found else []


def when(known: Moments, begin: int, end: int) -> tuple[float | None, float | None]:
    """Seconds at which the text from `begin` to `end` is said: when its first segment begins, and the next one."""
    if not known:
        return None, None
    first, after = (bisect_right(known, (place, math.inf)) for place in (begin, end))
    return known[min(first, len(known) - 1)][1], known[min(after, len(known) - 1)][1]

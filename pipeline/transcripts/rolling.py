"""Rolling captions: each cue shows the end of the one before again, so that the words stand in the file twice.

Folded only where the file is marked as rolling; elsewhere a line that is repeated was said twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from pipeline.transcripts.reading import Segment, segment

TIMED = re.compile(r"<\d+(?::\d+)+\.\d+><c[.>]")  # YouTube's automatic captions: a time at each word
LOWEST = "align:start position:0%"
LIT = "<u>"  # Whisper's --highlight_words: the whole segment again for each word


def marked(text: str) -> bool:
    """Whether a file of captions says of itself, by its markup, that it rolls."""
    if ("<c" in text and TIMED.search(text)) or ("Kind: captions" in text[:1000] and LOWEST in text):
        return True
    return LIT in text and text.count("-->") <= 3 * text.count(LIT)


def fold(cues: Iterable[tuple[float, float, str]], plain: Callable[[str], str]) -> tuple[list[Segment], int]:
    """Segments without the lines that the cue before shows already, and how many those were."""
    kept: list[Segment] = []
    folded, before, lit = 0, [], -1
    for start, end, payload in cues:
        lines = [line for raw in plain(payload).split("\n") if (line := " ".join(raw.split()))]
        here = payload.find(LIT)
        again = 0 if 0 <= here <= lit else _again(before, lines)  # the light went back: said once more
        if again < len(lines):
            kept.append(segment("\n".join(lines[again:]), None, start, end))
        lit = here if here >= 0 or again < len(lines) else lit
        folded += again
        before = lines or before
    return kept, folded


def _again(before: list[str], lines: list[str]) -> int:
    """How many of the first lines are the last lines of the cue before."""
    most = min(len(before), len(lines))
    return next((n for n in range(most, 0, -1) if before[-n:] == lines[:n]), 0)

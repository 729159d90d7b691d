"""Rolling captions: each cue shows the end of the one before again, so that the words stand in the file twice.

Folded only where the file is marked as rolling, or plainly rolls; elsewhere a line that is repeated was said twice.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

from pipeline.transcripts.readers.cues import Cue
from pipeline.transcripts.readers.reading import Segment, segment

TIMED = re.compile(r"<\d+(?::\d+)+\.\d+><c[.>]")  # YouTube's automatic captions: a time at each word
LOWEST = "align:start position:0%"
SAMPLE = 30  # cues
LEAST = 3  # cues that go on
LIT = "<u>"  # Whisper's --highlight_words: the whole segment again for each word


def marked(text: str) -> bool:
    """Whether a file of captions says of itself, by its markup, that it rolls."""
    if "Kind: captions" in text[:1000] and LOWEST in text:
        return True
    if "<" not in text:  # one character is looked for ten times as fast as a few
        return False
    timed = "><c" in text and TIMED.search(text) is not None
    return timed or (LIT in text and text.count("-->") <= 3 * text.count(LIT))


def evident(cues: list[Cue], plain: Callable[[str], str]) -> bool:
    """Whether it rolls without being marked, as YouTube's captions do once they are turned into SubRip.

    A third of its first cues begin with the last lines of the cue before and go on. Speech does not; a loop of
    speech-to-text does not go on.
    """
    if not any("\n" in payload.strip() for _, _, payload in cues[:SAMPLE]):
        return False  # a cue that goes on has two lines
    shown = plain("\n".join([payload for _, _, payload in cues[:SAMPLE]]))
    lines = [line for line in map(str.strip, shown.split("\n")) if line]
    if len(lines) - len(set(lines)) < LEAST:
        return False  # most files: no line comes again
    first = [_lines(plain(payload)) for _, _, payload in cues[:SAMPLE]]
    on = sum(0 < _again(before, lines) < len(lines) for before, lines in itertools.pairwise(first))
    return on >= LEAST and 3 * on >= len(first)


def fold(cues: list[Cue], plain: Callable[[str], str]) -> tuple[list[Segment], int]:
    """Segments without the lines that the cue before shows already, and how many those were."""
    kept: list[Segment] = []
    folded, before, lit = 0, [], -1
    for start, end, payload in cues:
        lines = _lines(plain(payload))
        here = payload.find(LIT)
        again = 0 if 0 <= here <= lit else _again(before, lines)  # the light went back: said once more
        if again < len(lines):
            kept.append(segment(" ".join(lines[again:]), None, start, end))
        lit = here if here >= 0 or again < len(lines) else lit
        folded += again
        before = lines or before
    return kept, folded


def _lines(text: str) -> list[str]:
    return [line for raw in text.split("\n") if (line := " ".join(raw.split()))]


def _again(before: list[str], lines: list[str]) -> int:
    """How many of the first lines are the last lines of the cue before."""
    if not before or before[-1] not in lines:  # nearly always
        return 0
    most = min(len(before), len(lines))
    return next((n for n in range(most, 0, -1) if before[-n:] == lines[:n]), 0)

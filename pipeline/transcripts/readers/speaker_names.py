"""Who speaks, where a transcript says it in the words themselves: `Name: words`.

Whether a head is a name is told by the file: names come again. Of the heads that stand in a file once, half are
`Slides:`, `Note:` and the like.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from pipeline.transcripts.readers.cues import Cue
from pipeline.transcripts.readers.reading import Piece, Segment, spoken

WORD = r"[\w.'’“”\"&()/#-]+"
NAME = rf"{WORD}(?:[ \t]{WORD}){{0,3}}"
# `Name: words`, `[SPEAKER_01]: words`, `>> Name: words`, and whisper.cpp's `(speaker 0) words`, on any line.
HEAD = re.compile(rf"\n[ \t]*(?:(?:>>|-)[ \t]*)?(?:\[?({NAME})\]?[ \t]?(?::(?=\s|\Z)|：)|\((speaker[ ][\d?]+)\))")

EARLY = 5  # cues with words at the start of a file
WIDEST = 64  # characters of a name
MOST = 0.8  # of the cues: whatever opens them is a name, also one that comes once


def named(cues: list[Cue]) -> list[Segment]:
    """Segments of cues, cut where a name begins, tidy."""
    if known := names([words for _, _, words in cues]):
        return spoken(_cut(cues, known))
    return spoken([(start, end, None, words) for start, end, words in cues])


def names(texts: list[str]) -> set[str]:
    """The heads that are names in captions with these texts.

    They begin with no small letter, stand there twice or more, and either open the file or are on a tenth of its
    cues: captions that name anybody do so from the start, and `Problem:` in the middle was said. Where there are
    names, a head that opens a cue once is one too: somebody spoke once.
    """
    headed = [text for text in texts if ":" in text or "：" in text or "(" in text]
    if not headed:
        return set()
    openers, share = _openers(texts, headed)
    if share > MOST:
        return openers
    heads = Counter(_heads(headed))
    known = {head for head, count in heads.items() if count > 1 and is_name(head)}
    early = [text for text in texts if text.strip()][:EARLY]
    often = 10 * sum(heads[head] for head in known) >= len(texts)
    known = known if often or known & set(_heads(early)) else set()
    once = {head for text in headed if (head := _head(text)) and is_name(head)} if known else set()
    return openers | known | once


def _heads(texts: list[str]) -> list[str]:
    return [one or other for one, other in HEAD.findall("\n" + "\n".join(texts))]


def _head(text: str) -> str:
    head = HEAD.match("\n" + text.lstrip())
    return (head[1] or head[2]) if head else ""


def _openers(texts: list[str], headed: list[str]) -> tuple[set[str], float]:
    """Heads that are names by their share of the cues, and that share: Zoom writes `Ohm, Lena` and `iPad`."""
    opened = Counter([text.lstrip().partition(": ")[0] for text in headed if ": " in text[:WIDEST]])
    share = sum(opened.values()) / len(texts) if len(texts) >= 2 * EARLY else 0.0
    fit = {head for head, count in opened.items() if (count > 1 or share > MOST) and "\n" not in head}
    return fit if share > 0.5 else set(), share


def is_name(head: str) -> bool:
    """`Ana`, `DR. BO`, `SPEAKER_00`, `张三`, `speaker 0`; not `and then`, not `12`."""
    return head.startswith("speaker ") or (head[0].isalpha() and not head[0].islower())


def _cut(cues: list[Cue], known: set[str]) -> Iterator[Piece]:
    """One piece for each known name at a line's start, and one for what stands before the first."""
    for start, end, words in cues:
        words = words.strip()
        name, _, rest = words.partition(": ")
        speaker, words = (name, rest) if name in known else (None, words)
        if ":" not in words and "(" not in words and "：" not in words:  # most cues
            yield start, end, speaker, words
            continue
        for other, text in turns(words, known):
            yield start, end, other or speaker, text


def turns(words: str, known: set[str]) -> Iterator[tuple[str | None, str]]:
    """`(speaker, text)` of each turn; the speaker of what stands before the first name is None."""
    text, at, speaker = "\n" + words, 0, None
    for head in HEAD.finditer(text):
        if (name := head[1] or head[2]) in known:
            yield speaker, text[at : head.start()]
            at, speaker = head.end(), name
    yield speaker, text[at:]

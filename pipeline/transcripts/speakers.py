"""Who speaks, where a transcript says it in the words themselves: `Name: words`.

A head is a name only if it stands in the file twice or more: of the heads that stand there once, half are
`Slides:`, `Note:` and the like, and a model reads those without harm.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from pipeline.transcripts.reading import Segment, tidy

WORD = r"[\w.'’&()/#-]+"
NAME = rf"{WORD}(?:[ \t]{WORD}){{0,3}}"
# `Name: words`, `[SPEAKER_01]: words`, `>> Name: words`, and whisper.cpp's `(speaker 0) words`, on any line.
HEAD = re.compile(rf"\n[ \t]*(?:(?:>>|-)[ \t]*)?(?:\[?({NAME})\]?(?::(?=\s|\Z)|：)|\((speaker[ ][\d?]+)\))")


def named(cues: list[tuple[float | None, float | None, str]]) -> list[Segment]:
    """Segments of cues (start, end, lines), cut where a name begins, tidy."""
    if known := names([words for _, _, words in cues]):
        return tidy(_cut(cues, known))
    return [
        {"start": start, "end": end, "speaker": None, "text": text}
        for start, end, words in cues
        if (text := " ".join(words.split()))
    ]


def names(texts: list[str]) -> set[str]:
    """The heads that are names: they begin with no small letter and stand there at least twice."""
    text = "\n".join([text for text in texts if ":" in text or "：" in text or "(speaker" in text])
    heads = Counter(one or other for one, other in HEAD.findall("\n" + text))
    return {head for head, count in heads.items() if count > 1 and is_name(head)}


def is_name(head: str) -> bool:
    """`Ana`, `DR. BO`, `SPEAKER_00`, `张三`, `speaker 0`; not `and then`, not `12`."""
    return head.startswith("speaker ") or (head[0].isalpha() and not head[0].islower())


def _cut(cues: list[tuple[float | None, float | None, str]], known: set[str]) -> Iterator[Segment]:
    """One segment for each known name at a line's start, and one for what stands before the first."""
    for start, end, words in cues:
        words = words.strip()
        name, _, rest = words.partition(": ")
        if name in known and ":" not in rest and "(" not in rest and "：" not in rest:  # most cues
            yield {"start": start, "end": end, "speaker": name, "text": rest}
        elif ":" not in words and "(" not in words and "：" not in words:
            yield {"start": start, "end": end, "speaker": None, "text": words}
        else:
            for speaker, text in turns(words, known):
                yield {"start": start, "end": end, "speaker": speaker, "text": text}


def turns(words: str, known: set[str]) -> Iterator[tuple[str | None, str]]:
    """`(speaker, text)` of each turn; the speaker of what stands before the first name is None."""
    text, at, speaker = "\n" + words, 0, None
    for head in HEAD.finditer(text):
        if (name := head[1] or head[2]) in known:
            yield speaker, text[at : head.start()]
            at, speaker = head.end(), name
    yield speaker, text[at:]

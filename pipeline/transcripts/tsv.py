"""Whisper's .tsv: start and end in milliseconds, and the words, with raw tabs and without quoting."""

from __future__ import annotations

from pipeline.transcripts import speakers
from pipeline.transcripts.reading import Reading, Unreadable

HEADER = "start\tend\ttext"


def matches(text: str) -> bool:
    """Whether the first line is the header that Whisper writes."""
    return text.partition("\n")[0].strip().lower() == HEADER


def read(text: str) -> Reading:
    """A segment for each row; what is no row belongs to the one before."""
    rows: list[tuple[float, float, list[str]]] = []
    for number, line in enumerate(text.split("\n")[1:], 2):
        fields = line.split("\t", 2)
        if len(fields) == 3 and fields[0].isdecimal() and fields[1].isdecimal():
            rows.append((int(fields[0]) / 1000, int(fields[1]) / 1000, [fields[2]]))
        elif line.strip() and rows:
            rows[-1][2].append(line)
        elif line.strip():
            raise Unreadable(f"line {number}: not `start<tab>end<tab>text` with times in milliseconds")
    return Reading("whisper tsv", speakers.named([(start, end, "\n".join(words)) for start, end, words in rows]))

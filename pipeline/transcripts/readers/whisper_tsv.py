"""Whisper's .tsv: start and end in milliseconds, and the words, with raw tabs and without quoting."""

from __future__ import annotations

from pipeline.transcripts.readers import speaker_names
from pipeline.transcripts.readers.reading import Reading, Unreadable

COLUMNS = {"start", "end", "text"}


def matches(text: str) -> bool:
    """Whether the first line is the header that Whisper writes; a column for the speaker may be in it."""
    header = _columns(text)
    return set(header) >= COLUMNS and header[-1] == "text"


def _columns(text: str) -> list[str]:
    return text.partition("\n")[0][:200].strip().lower().split("\t")


def read(text: str) -> Reading:
    """A segment for each row; what is no row belongs to the one before."""
    header = _columns(text)
    rows: list[tuple[float, float, list[str]]] = []
    for number, line in enumerate(text.split("\n")[1:], 2):
        row = dict(zip(header, line.split("\t", len(header) - 1), strict=False))
        if len(row) == len(header) and row["start"].isdecimal() and row["end"].isdecimal():
            words = f"{row['speaker']}: {row['text']}" if row.get("speaker") else row["text"]
            rows.append((int(row["start"]) / 1000, int(row["end"]) / 1000, [words]))
        elif line.strip() and rows:
            rows[-1][2].append(line)
        elif line.strip():
            raise Unreadable(f"line {number}: not `start<tab>end<tab>text` with times in milliseconds")
    return Reading(
        "whisper tsv", speaker_names.named([(start, end, "\n".join(words)) for start, end, words in rows])
    )

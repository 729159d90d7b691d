"""JSON Lines: one transcript a line, as the schema says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.validate import Faults, records


def read(path: Path, stem: str, faults: Faults) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each record; `text` is made from the segments where it is absent. An empty file is a fault."""
    count = faults.count
    number = 0
    for number, record in records(path, "transcript", faults):
        record.setdefault("text", None)
        if record["text"] is None:
            record["text"] = from_segments(record["segments"])
        if record["text"]:
            yield f"{path}:{number}", record
        else:
            faults.add(f"{path}:{number}", "$.segments: no words in any segment")
    if not number and faults.count == count:
        faults.add(path, "no transcripts: the file is empty")


def from_segments(segments: list[dict[str, Any]]) -> str:
    """Turns as paragraphs, `Name: words`; a speaker is named where the speaker changes."""
    turns: list[str] = []
    last: str | None = None
    for segment in segments:
        words, speaker = segment["text"].strip(), segment.get("speaker") or last
        if not words:
            continue
        if turns and speaker == last:
            turns[-1] += " " + words
        else:
            turns.append(f"{speaker}: {words}" if speaker else words)
        last = speaker
    return "\n\n".join(turns)

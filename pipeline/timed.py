"""The text of a transcript with times in it, for prompts that ask when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.words import elapsed

APART = 30.0  # seconds from one time to the next, at least


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

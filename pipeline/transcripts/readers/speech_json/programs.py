"""What programs write: whisper.cpp, and YouTube's captions as they are downloaded."""

from __future__ import annotations

from typing import Any

from pipeline.transcripts.readers.reading import Reading, Segment, segment, tidy
from pipeline.transcripts.readers.speech_json.values import about, ended, number, seconds, speaker


def whisper_cpp(data: dict[str, Any]) -> Reading:
    """Times in milliseconds; a speaker, 0 or 1, only if the two channels were told apart."""
    segments = tidy(_whisper_cpp(item) for item in data["transcription"])
    result = data.get("result") or {}
    return Reading("whisper.cpp json", segments, None, about(language=result.get("language")))


def _whisper_cpp(item: dict[str, Any]) -> Segment:
    name = None if item.get("speaker") == "?" else speaker(item.get("speaker"))
    times = item.get("offsets") or item.get("timestamps") or {}  # milliseconds, or clocks
    return segment(item["text"], name, seconds(times.get("from"), 1000), seconds(times.get("to"), 1000))


def youtube(data: dict[str, Any]) -> Reading:
    """Captions as json3: events of pieces, in milliseconds. Those that only scroll have no pieces, or a newline."""
    return Reading("youtube json", tidy(_youtube(event) for event in data["events"] if event.get("segs")))


def _youtube(event: dict[str, Any]) -> Segment:
    start, length = number(event.get("tStartMs"), 1000), number(event.get("dDurationMs"), 1000)
    text = "".join([piece.get("utf8") or "" for piece in event["segs"]])
    return segment(text, None, start, ended(start, length))

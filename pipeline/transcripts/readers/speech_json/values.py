"""Values as speech services write them. One of a wrong type is None, never an error."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

from pipeline.transcripts.readers import field_names, timestamps

NUMBER = re.compile(r"-?\d{1,12}(?:\.\d{1,12})?s?")  # AWS writes "1.30", Google "1.300s"
ISO = re.compile(r"PT(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?")
NUMBERED = re.compile(r"\d{1,4}[A-Z]?|[A-Z]")  # a speaker without a name: 0, A, and 1A (channel 1, speaker A)
NAMES = {  # Whisper names languages in English
    "arabic": "ar", "chinese": "zh", "czech": "cs", "danish": "da", "dutch": "nl", "english": "en", "finnish": "fi",
    "french": "fr", "german": "de", "greek": "el", "hebrew": "he", "hindi": "hi", "hungarian": "hu",
    "indonesian": "id", "italian": "it", "japanese": "ja", "korean": "ko", "norwegian": "no", "persian": "fa",
    "polish": "pl", "portuguese": "pt", "romanian": "ro", "russian": "ru", "spanish": "es", "swedish": "sv",
    "thai": "th", "turkish": "tr", "ukrainian": "uk", "vietnamese": "vi",
}  # fmt: skip


def number(value: object, scale: float = 1) -> float | None:
    """A finite number, or a string that is one, divided by `scale`."""
    if isinstance(value, str) and NUMBER.fullmatch(value):
        value = float(value.rstrip("s"))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        made = value / scale
    except OverflowError:
        return None
    return made if isfinite(made) else None


def seconds(value: object, scale: float = 1) -> float | None:
    """Seconds of a number in units of 1/scale, a clock, an ISO 8601 duration, or {seconds, nanos}."""
    if isinstance(value, dict):
        return (number(value.get("seconds")) or 0.0) + (number(value.get("nanos"), 1e9) or 0.0)
    if isinstance(value, str):
        if re.fullmatch(timestamps.CLOCK, value):
            return timestamps.seconds(value)
        if iso := ISO.fullmatch(value):
            hours, minutes, rest = (float(part or 0) for part in iso.groups())
            return hours * 3600 + minutes * 60 + rest
    return number(value, scale)


def ended(start: float | None, length: float | None) -> float | None:
    """Where something ends that has a start and a length, in seconds."""
    return None if start is None or length is None else start + length


def speaker(value: object) -> str | None:
    """A name, folded to one line; a number or a letter is `Speaker 1`, `Speaker A`."""
    if isinstance(value, dict):
        value = value.get("name")
    if isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value):
        value = str(int(value)) if value == int(value) else None
    name = " ".join(value.split()).rstrip(" :") if isinstance(value, str) else ""
    return f"Speaker {name}" if NUMBERED.fullmatch(name) else name or None


def about(title: Any = None, language: Any = None, duration: float | None = None) -> dict[str, Any]:
    """Fields of a transcript, without those that are not said or not fit."""
    name = language.strip().lower() if isinstance(language, str) else ""
    made = {
        "title": " ".join(title.split()) if isinstance(title, str) else None,
        "language": NAMES.get(name) or field_names.language(language),
        "duration": duration if duration and duration > 0 else None,
    }
    return {key: value for key, value in made.items() if value}


def first(item: dict[str, Any], *keys: str) -> Any:
    """The value of the first key that is there and not null."""
    return next((item[key] for key in keys if item.get(key) is not None), None)

"""The fields of a transcript under the names and in the forms that other people give them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from pipeline.transcripts.readers.timestamps import CLOCK, seconds

ALIASES = {
    "text": ("transcript", "content", "body", "transcription"),
    "show": ("podcast", "podcast_title", "feed"),
    "published": ("date", "pubDate", "published_at"),
    "id": ("guid", "episode_id", "slug"),
    "language": ("lang",),
}
NAMES = {alias: name for name, aliases in ALIASES.items() for alias in aliases}
FORMS = {"published", "duration", "speakers", "language"}  # texts that are read as what they mean
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:[Zz]|[+-]\d{2}:?\d{2})?)?")


def renamed(record: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The record under the schema's names, and which name was read as which. A name that is there already wins."""
    made, read_as = {key: value for key, value in record.items() if value is not None}, {}
    for alias in () if NAMES.keys().isdisjoint(record) else sorted(NAMES.keys() & record.keys()):
        if (name := NAMES[alias]) not in made and alias in made:
            made[name] = made.pop(alias)
            read_as[alias] = name
    if isinstance(made.get("id"), int) and not isinstance(made["id"], bool):
        made["id"] = str(made["id"])
    for name in () if FORMS.isdisjoint(made) else FORMS & made.keys():
        if isinstance(made[name], str):
            made[name] = FIT[name](made[name]) or made[name]  # what does not fit is the schema's to refuse
    return made, read_as


def published(value: object) -> str | None:
    """An ISO date or date-time, from one or from the form that RSS has; None for what is neither."""
    text = value.strip() if isinstance(value, str) else ""
    try:
        if day := DAY.fullmatch(text):
            date.fromisoformat(day[1])
            return text
        from email.utils import parsedate_to_datetime  # for feeds' dates; captions have none

        return parsedate_to_datetime(text).isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def said(values: Mapping[str, Any]) -> dict[str, Any]:
    """Front matter as fields of a transcript; what is no field of it, or does not fit one, is metadata."""
    made: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for key, value in values.items():
        name = NAMES.get(key, key)
        fitted = FIT[name](value) if name in FIT and name not in made else None
        if fitted:
            made[name] = fitted
        elif (scalar := _scalar(value)) is not None:
            rest[str(key)] = scalar
    return made | ({"metadata": rest} if rest else {})


def language(value: object) -> str | None:
    """A BCP 47 tag, or None."""
    text = value.strip().replace("_", "-") if isinstance(value, str) else ""
    return text if LANGUAGE.fullmatch(text) else None


def _text(value: object) -> str | None:
    return " ".join(value.split()) or None if isinstance(value, str) else None


def _duration(value: object) -> float | None:
    text = value.strip() if isinstance(value, str) else ""
    if re.fullmatch(CLOCK, text):
        return seconds(text)
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d+)?", text) else None


def _speakers(value: object) -> list[str]:
    listed = value if isinstance(value, list) else value.split(",") if isinstance(value, str) else []
    return list(dict.fromkeys(name for item in listed if (name := _text(item))))


def _scalar(value: object) -> str | None:
    """A value on one line: a list of texts has commas, and a deeper thing is left out."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value) or None
    return value.strip() or None if isinstance(value, str) else None


FIT = {
    "title": _text, "show": _text, "episode": _text, "published": published, "language": language,
    "duration": _duration, "speakers": _speakers,
}  # fmt: skip

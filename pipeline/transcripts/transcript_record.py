"""A reading as a record of schemas/transcript.schema.json: what the file says, and where it came from."""

from __future__ import annotations

import re
from typing import Any

from pipeline.transcripts.readers.field_names import published
from pipeline.transcripts.readers.reading import Reading

# `talk.es.md`, `talk.pt-BR.vtt`: the languages of ISO 639-1 that file names have.
LANGUAGE = re.compile(
    r"\.((?:ar|bg|bn|ca|cs|da|de|el|en|es|et|fa|fi|fr|gl|he|hi|hr|hu|id|it|ja|ko|lt|lv|ms|nb|nl|no|pl|pt|ro|ru|sk|sl"
    r"|sr|sv|sw|ta|th|tr|uk|ur|vi|zh)(?:-[A-Za-z]{2,4})?)\Z"
)
DAY = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)")


def record(reading: Reading, name: str, source: dict[str, Any]) -> dict[str, Any]:
    """The record; `name` is the id that the path gives, `source` has path, encoding and sha256.

    What the file says of itself comes before what its name says.
    """
    last = name.rpartition("/")[2]
    language, day = LANGUAGE.search(last), DAY.search(last)
    folded = {"folded_lines": reading.folded} if reading.folded else {}
    made = {
        "id": name,
        "title": LANGUAGE.sub("", last),
        "published": published(day[1]) if day else None,
        "language": language[1] if language else None,
        "duration": max([piece["end"] or 0 for piece in reading.segments[-20:]], default=None),
        **reading.fields,
        "speakers": list(dict.fromkeys([*reading.fields.get("speakers", ()), *reading.speakers])),
        "text": reading.words,
        "segments": reading.segments,
        "source": {"path": source["path"], "format": reading.format, **source, **folded},
    }
    return {key: value for key, value in made.items() if value or key == "text"}

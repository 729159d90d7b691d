"""Lists of turns or captions: objects that each have words and a speaker or a start.

The Podcast Namespace, Whisper and all its kin, Podlove, Fireflies, QMSum, and what people write themselves differ
in the names of their keys and in little else.
"""

from __future__ import annotations

import re
from typing import Any

from pipeline.transcripts.readers.reading import Reading, Segment, join, segment, tidy
from pipeline.transcripts.readers.speech_json import timed_words
from pipeline.transcripts.readers.speech_json.values import about, first, seconds, speaker

LISTS = (
    "meeting_transcripts", "utterances", "turns", "segments", "sentences", "transcript", "transcripts",
    "transcription", "entries", "captions", "cues", "speakers", "chunks",
)  # fmt: skip
TEXT = ("text", "content", "body", "utterance", "transcript", "sentence")
SPEAKER = ("voice", "speaker_name", "speaker", "name", "speaker_id", "speaker_label")
START = {
    "start_ms": 1000,
    "startMs": 1000,
    "start": 1,
    "startTime": 1,
    "start_time": 1,
    "begin": 1,
    "timestamp": 1,
    "time": 1,
}
END = {"end_ms": 1000, "endMs": 1000, "end": 1, "endTime": 1, "end_time": 1}
MARK = re.compile(r"\{[a-z]+\}")  # QMSum, for what is no word: {vocalsound}, {disfmarker}, {gap}
FORMATS = {  # by the keys of an item
    ("body", "startTime"): "podcast namespace json",
    ("text", "start_ms"): "podlove json",
    ("text", "speaker_name", "start_time"): "fireflies json",
    ("text", "start", "end"): "whisper json",
    ("text", "timestamp"): "whisper json",
}


def found(data: Any) -> list[Any] | None:
    """The list of turns: the value itself, or the first that stands under a known key; an empty one if need be."""
    lists = [data] if isinstance(data, list) else [data[key] for key in LISTS if isinstance(data.get(key), list)]
    return next((items for items in lists if items and all(map(_is_turn, items))), [] if [] in lists else None)


def _is_turn(item: object) -> bool:
    return (
        isinstance(item, dict)
        and (_text(item) is not None or item.get("text", "") is None)
        and any(key in item for keys in (SPEAKER, START) for key in keys)
    )


def _text(item: dict[str, Any]) -> str | None:
    return next((item[key] for key in TEXT if isinstance(item.get(key), str)), None)


def read(data: Any, items: list[Any]) -> Reading:
    """The list as segments. Where no item has a time each is a whole turn, and stays a paragraph of its own."""
    pieces = [piece for item in items for piece in _pieces(item)]
    if isinstance(data, dict) and items is data.get("meeting_transcripts"):
        for piece in pieces:
            piece["text"] = MARK.sub("", piece["text"])
    segments = tidy(pieces)
    turns = not any(key in item for item in items for key in START)
    text = "\n\n".join(join([piece]) for piece in segments) if turns else None
    if isinstance(data, list):
        return Reading(_format(items), segments, text or None)
    reading = Reading(_format(items), segments, text or None, _about(data))
    if reading.format == "whisper json":
        reading.fields |= about(duration=seconds(data.get("duration")))
        reading.warnings = timed_words.short(segments, data.get("text"))
        own = data.get("text")
        if not reading.speakers and isinstance(own, str) and (reading.warnings or _glued(items, own)):
            reading.text = own.strip()  # with what the segments lack: words, or in Chinese the right to touch
    return reading


def _glued(items: list[Any], own: str) -> bool:
    """Whether Whisper's text has segments that touch: each begins with its own space, if it has one."""
    texts = [_text(item) or "" for item in items]
    return any(not text[:1].isspace() for text in texts[1:]) and "".join(texts).strip() == own.strip()


def _format(items: list[Any]) -> str:
    return next(
        (name for keys, name in FORMATS.items() if items and all(key in items[0] for key in keys)), "turns json"
    )


def _about(data: dict[str, Any]) -> dict[str, Any]:
    fields = about(data.get("title"), first(data, "language", "language_code", "lang", "locale"))
    if summary := _summary(data.get("general_query_list")):
        fields["metadata"] = {"reference_summary": summary}
    return fields


def _summary(queries: object) -> str | None:
    """QMSum's human summary of the whole meeting: the answer to the query that asks to summarize it."""
    for query in queries if isinstance(queries, list) else []:
        asked, answer = (query.get("query"), query.get("answer")) if isinstance(query, dict) else (None, None)
        if isinstance(asked, str) and isinstance(answer, str) and asked.lower().startswith("summarize"):
            return answer
    return None


def _pieces(item: dict[str, Any]) -> list[Segment]:
    """One segment, or several where WhisperX put other speakers into its words."""
    name = next((who for key in SPEAKER if (who := speaker(item.get(key)))), None)
    start, end = _times(item)
    return _cut(item, name) or [segment(_text(item) or "", name, start, end)]


def _times(item: dict[str, Any]) -> tuple[float | None, float | None]:
    pair = item.get("timestamp")
    if isinstance(pair, list) and len(pair) == 2:  # Hugging Face pipelines
        return seconds(pair[0]), seconds(pair[1])
    start, end = (
        next((time for key, scale in keys.items() if (time := seconds(item.get(key), scale)) is not None), None)
        for keys in (START, END)
    )
    return start, end


def _cut(item: dict[str, Any], name: str | None) -> list[Segment]:
    """The segment cut where the speaker of its words changes; nothing if there is but one, or words are missing."""
    listed = item.get("words")
    said = [word for word in listed if isinstance(word, dict)] if isinstance(listed, list) else []
    if len({who for word in said if (who := speaker(word.get("speaker")))}) < 2:
        return []
    texts = timed_words.spelled([word["word"] for word in said if isinstance(word.get("word"), str)], _text(item))
    if texts is None or len(texts) != len(said):
        return []
    pieces = [
        segment(text, speaker(word.get("speaker")), seconds(word.get("start")), seconds(word.get("end")))
        for text, word in zip(texts, said, strict=True)
    ]
    pieces[0]["speaker"] = pieces[0]["speaker"] or name
    return timed_words.sentences(pieces, timed_words.NEVER)


def oyez(data: dict[str, Any]) -> Reading:
    """Hearings: sections of turns of text blocks; each turn a paragraph."""
    turns = [turn for section in data["sections"] for turn in section["turns"] or ()]
    segments = tidy(
        segment(
            " ".join([block["text"] for block in turn["text_blocks"] or ()]),
            speaker(turn.get("speaker")),
            seconds(turn.get("start")),
            seconds(turn.get("stop")),
        )
        for turn in turns
    )
    text = "\n\n".join(join([piece]) for piece in segments)
    return Reading("oyez json", segments, text or None, about(data.get("title")))

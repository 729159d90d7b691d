"""The large clouds: Amazon Transcribe, Google Speech-to-Text, Azure Speech."""

from __future__ import annotations

from typing import Any

from pipeline.transcripts.readers.reading import Reading, Segment, segment, tidy
from pipeline.transcripts.readers.speech_json.timed_words import interleaved, sentences, short, spaced, spelled
from pipeline.transcripts.readers.speech_json.values import about, ended, first, number, seconds, speaker

TICKS = 1e7  # Azure's unit: 100 nanoseconds


def channel(index: object, several: bool) -> str | None:
    """The speaker of a channel, counted from 0, where there are several."""
    return f"Channel {int(at) + 1}" if several and (at := number(index)) is not None else None


def aws(data: dict[str, Any]) -> Reading:
    """Items are words and punctuation; who speaks stands on the item, in a table by start, or is the channel."""
    results = data["results"]
    own = ((results.get("transcripts") or [{}])[0] or {}).get("transcript")
    channels = (results.get("channel_labels") or {}).get("channels") or []
    if len(channels) > 1:
        parts = [_aws(part["items"], None, channel(at, True)) for at, part in enumerate(channels)]
        segments = tidy(interleaved([sentences(part) for part in parts]))
    else:
        table = {
            item["start_time"]: item["speaker_label"]
            for part in (results.get("speaker_labels") or {}).get("segments") or ()
            for item in part["items"]
        }
        segments = tidy(sentences(_aws(results["items"], own, None, table)))
    return Reading(
        "aws transcribe json", segments, None, about(language=results.get("language_code")), short(segments, own)
    )


def _aws(items: list[Any], own: object, name: str | None, table: dict[str, str] | None = None) -> list[Segment]:
    texts = [item["alternatives"][0]["content"] for item in items]
    joined = spelled(texts, own) or [
        text if item.get("type") == "punctuation" else f" {text}" for text, item in zip(texts, items, strict=True)
    ]
    return [
        segment(
            text,
            name or speaker(item.get("speaker_label") or (table or {}).get(item.get("start_time"))),
            seconds(item.get("start_time")),
            seconds(item.get("end_time")),
        )
        for text, item in zip(joined, items, strict=True)
    ]


def google(data: dict[str, Any]) -> Reading:
    """Results one after the other, or, with speakers, only the last one where it says everything again."""
    results = [result for result in data["results"] if result.get("alternatives")]
    if len(results) > 1 and _repeats(results):
        results = results[-1:]
    channels = {result.get("channelTag"): [] for result in results}
    for result in results:
        channels[result.get("channelTag")] += _google(result, len(channels) > 1)
    parts = list(channels.values())
    segments = tidy(interleaved(parts) if len(parts) > 1 else parts[0] if parts else [])
    language = next((said for item in results if (said := first(item, "languageCode", "language_code"))), None)
    return Reading("google json", segments, None, about(language=language))


def _google(result: dict[str, Any], several: bool) -> list[Segment]:
    best = result["alternatives"][0]
    said = best.get("words") or []
    name = f"Channel {result['channelTag']}" if several and result.get("channelTag") else None
    pieces = [segment(word["word"], _tag(word), _start(word), _end(word)) for word in said]
    own = best.get("transcript")
    if own and not any(piece["speaker"] for piece in pieces):
        start, end = (pieces[0]["start"], pieces[-1]["end"]) if pieces else (None, _end(result))
        return [segment(own, name, start, end)]
    for piece, text in zip(pieces, spaced([piece["text"] for piece in pieces], own), strict=True):
        piece["text"], piece["speaker"] = text, piece["speaker"] or name
    return sentences(pieces)


def _repeats(results: list[Any]) -> bool:
    """Whether the last result has the speakers of everything: as much text, and from the start."""
    *before, last = [result["alternatives"][0] for result in results]
    said = last.get("words") or []
    if not any(map(_tag, said)):
        return False
    here = sum(len(word["word"]) for word in said)
    there = sum(len("".join((best.get("transcript") or "").split())) for best in before)
    starts = [_start(best["words"][0]) for best in before if best.get("words")]
    again = not starts or starts[0] is None or (_start(said[0]) or 0.0) <= starts[0]
    return again and here * 10 >= there * 9


def _tag(word: dict[str, Any]) -> str | None:
    return speaker(first(word, "speakerLabel", "speaker_label") or first(word, "speakerTag", "speaker_tag") or None)


def _start(word: dict[str, Any]) -> float | None:
    return seconds(first(word, "startTime", "startOffset", "start_time", "start_offset"))


def _end(word: dict[str, Any]) -> float | None:
    keys = ("endTime", "endOffset", "end_time", "end_offset", "resultEndTime", "resultEndOffset", "result_end_time")
    return seconds(first(word, *keys))


def azure_batch(data: dict[str, Any]) -> Reading:
    """Phrases, of all channels, in no order; the first of the n best is the text."""
    phrases = [
        (
            phrase,
            str(first(phrase["nBest"][0], "display", "lexical") or ""),
            _ticks(phrase, "offset"),
            _ticks(phrase, "duration"),
        )
        for phrase in data["recognizedPhrases"]
        if phrase.get("nBest")
    ]
    return _azure("azure batch json", phrases, _ticks(data, "duration"))


def azure_fast(data: dict[str, Any]) -> Reading:
    """Phrases in milliseconds."""
    phrases = [
        (phrase, phrase["text"], _milliseconds(phrase, "offset"), _milliseconds(phrase, "duration"))
        for phrase in data["phrases"]
    ]
    return _azure("azure fast json", phrases, _milliseconds(data, "duration"))


def _azure(
    kind: str, phrases: list[tuple[Any, str, float | None, float | None]], duration: float | None
) -> Reading:
    several = len({phrase.get("channel") for phrase, *_ in phrases}) > 1
    segments = [
        segment(
            text,
            channel(phrase.get("channel"), several) or speaker(phrase.get("speaker")),
            start,
            ended(start, length),
        )
        for phrase, text, start, length in phrases
    ]
    locale = next((said for phrase, *_ in phrases if (said := phrase.get("locale"))), None)
    return Reading(kind, tidy(interleaved([segments])), None, about(language=locale, duration=duration))


def _ticks(item: dict[str, Any], name: str) -> float | None:
    ticks = number(item.get(f"{name}InTicks"), TICKS)
    return seconds(item.get(name)) if ticks is None else ticks


def _milliseconds(item: dict[str, Any], name: str) -> float | None:
    return number(first(item, f"{name}Milliseconds", f"{name}InMs", name), 1000)

"""Speech services with a shape of their own; each function reads one."""

from __future__ import annotations

import re
from typing import Any

from pipeline.transcripts.readers.reading import Reading, Segment, segment, tidy
from pipeline.transcripts.readers.speech_json.clouds import channel
from pipeline.transcripts.readers.speech_json.timed_words import interleaved, sentences, short, spaced, spelled
from pipeline.transcripts.readers.speech_json.values import about, first, number, seconds, speaker

MARKS = re.compile(r"[^\w\s]+")
UNKNOWN = "UU"  # Speechmatics: nobody that it knows


def deepgram(data: dict[str, Any]) -> Reading:
    """Utterances where they were asked for, else words; several channels are several people."""
    channels = data["results"]["channels"]
    several = len(channels) > 1
    best = [(part.get("alternatives") or [{}])[0] for part in channels]
    own = "".join([alternative.get("transcript") or "" for alternative in best])
    if utterances := data["results"].get("utterances"):
        parts = [[_utterance(item, several) for item in utterances]]
    else:
        parts = [_deepgram(alternative, channel(at, several)) for at, alternative in enumerate(best)]
    segments = tidy(interleaved(parts) if several else parts[0] if parts else [])
    metadata = data.get("metadata") or {}
    language = (channels[0] if channels else {}).get("detected_language")
    fields = about(language=language, duration=number(metadata.get("duration")))
    return Reading("deepgram json", segments, None, fields, short(segments, own))


def _utterance(item: dict[str, Any], several: bool) -> Segment:
    name = _both(channel(item.get("channel"), several), item)
    return segment(item["transcript"], name, seconds(item.get("start")), seconds(item.get("end")))


def _both(name: str | None, word: dict[str, Any]) -> str | None:
    return ", ".join(filter(None, (name, speaker(word.get("speaker"))))) or None


def _deepgram(best: dict[str, Any], name: str | None) -> list[Segment]:
    words = best.get("words") or []
    if not words:
        return [segment(best.get("transcript") or "", name)]
    texts = spaced([first(word, "punctuated_word", "word") for word in words], best.get("transcript"))
    return sentences(
        segment(text, _both(name, word), seconds(word.get("start")), seconds(word.get("end")))
        for text, word in zip(texts, words, strict=True)
    )


def assemblyai(data: dict[str, Any]) -> Reading:
    """Times in milliseconds: utterances, or words if they spell the text, or the text alone."""
    own, words = data["text"], data["words"]
    texts = spelled([word["text"] for word in words], own)
    if utterances := data.get("utterances"):
        segments = [_assemblyai(item, item["text"]) for item in utterances]
    elif texts or any(word.get("speaker") for word in words):
        texts = texts or spaced([word["text"] for word in words], None)
        segments = sentences(_assemblyai(word, text) for word, text in zip(words, texts, strict=True))
    else:
        segments = [segment(own)]
    segments = tidy(segments)
    fields = about(language=data.get("language_code"), duration=number(data.get("audio_duration")))
    return Reading("assemblyai json", segments, None, fields, short(segments, own))


def _assemblyai(item: dict[str, Any], text: str) -> Segment:
    return segment(
        text, speaker(item.get("speaker")), number(item.get("start"), 1000), number(item.get("end"), 1000)
    )


def rev(data: dict[str, Any]) -> Reading:
    """Elements bring their own spaces; names stand in a table, or with the monologue."""
    listed = data.get("speakers") or []
    names = {item.get("id"): speaker(item) for item in listed if isinstance(item, dict)}
    segments: list[Segment] = []
    for part in data["monologues"]:
        who = names.get(part.get("speaker")) or speaker((part.get("speaker_info") or {}).get("display_name"))
        name = who or speaker(part.get("speaker"))
        segments += sentences(
            segment(element["value"], name, seconds(element.get("ts")), seconds(element.get("end_ts")))
            for element in part["elements"]
        )
    return Reading("rev json", tidy(segments))


def speechmatics(data: dict[str, Any]) -> Reading:
    """Version 2: words and marks; a mark attaches to the word before, and may open the next."""
    metadata = data.get("metadata") or {}
    space = (metadata.get("language_pack_info") or {}).get("word_delimiter", " ")
    items = [item for item in data["results"] if item.get("alternatives")]
    several = len({item.get("channel") for item in items}) > 1
    words, glued = [], True
    for item in items:
        to = item.get("attaches_to") or ("previous" if item.get("type") == "punctuation" else "none")
        best = item["alternatives"][0]
        name = item.get("channel") if several else best.get("speaker")
        text = best["content"] if glued or to in ("previous", "both") else f"{space}{best['content']}"
        who = None if name == UNKNOWN else speaker(name)
        words.append(segment(text, who, seconds(item.get("start_time")), seconds(item.get("end_time"))))
        glued = to in ("next", "both")
    language = (metadata.get("transcription_config") or {}).get("language")
    fields = about(language=language, duration=number((data.get("job") or {}).get("duration")))
    return Reading("speechmatics json", tidy(sentences(words)), None, fields)


def speechmatics_v1(data: dict[str, Any]) -> Reading:
    """Version 1: words with a time, and the speakers with the times from which they speak."""
    changes = [(seconds(item["time"]) or 0.0, speaker(item["name"])) for item in data["speakers"] or ()]
    words, at = [], -1
    for item in data["words"]:
        start, text = seconds(item["time"]), item["name"]
        while at + 1 < len(changes) and start is not None and changes[at + 1][0] <= start:
            at += 1
        end = None if start is None else start + (seconds(item.get("duration")) or 0.0)
        name = changes[at][1] if at >= 0 else None
        words.append(segment(text if MARKS.fullmatch(text) else f" {text}", name, start, end))
    fields = about(
        language=(data.get("job") or {}).get("lang"), duration=seconds((data.get("job") or {}).get("duration"))
    )
    return Reading("speechmatics json", tidy(sentences(words)), None, fields)


def elevenlabs(data: dict[str, Any]) -> Reading:
    """Words, spaces and sounds, joined with nothing; a transcript for each channel if there are several."""
    parts = data.get("transcripts") or [data]
    several = len(parts) > 1
    heard = [_elevenlabs(part, channel(part.get("channel_index", at), several)) for at, part in enumerate(parts)]
    segments = tidy(interleaved(heard) if several else heard[0])
    own = "".join([part.get("text") or "" for part in parts])
    fields = about(language=parts[0].get("language_code"), duration=number(data.get("audio_duration_secs")))
    return Reading("elevenlabs json", segments, None, fields, short(segments, own))


def _elevenlabs(part: dict[str, Any], name: str | None) -> list[Segment]:
    words = part.get("words") or []
    texts = [word["text"] for word in words]
    if not any(word.get("type") == "spacing" for word in words):
        texts = spaced(texts, part.get("text"))
    return sentences(
        segment(text, name or speaker(word.get("speaker_id")), seconds(word.get("start")), seconds(word.get("end")))
        for text, word in zip(texts, words, strict=True)
    )

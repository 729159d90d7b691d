"""Captions: SubRip (.srt), WebVTT and .sbv share one grammar, read here as people's files have it.

Only markup that is known is markup: `Vec<String>` was said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from pipeline.transcripts.readers import rolling_captions, speaker_names
from pipeline.transcripts.readers.cues import Cue, cues, found
from pipeline.transcripts.readers.html_entities import decoded
from pipeline.transcripts.readers.reading import Piece, Reading, Segment, spoken

VOICE = re.compile(r"<v(?:\.[^\s<>]*)?[ \t]+([^<>\n]*)>")
ONE_VOICE = re.compile(r"<v ([^\s<>&](?:[^\n<>&]*[^\s<>&])?)\Z")
# Small letters are markup; `<B>` is so unless it stands at a word, as in `Vec<B>`.
TAG = re.compile(
    r"</?(?:[ibu]|ruby|rt)>|</?(?:[cv]|lang|font)(?:[.\s][^<>]*)?>|<\d+:[\d:.]+>|\{\\[^{}\n]*\}"
    r"|(?<!\w)<(?:[IBU]|FONT(?:\s[^<>]*)?)>|</(?:[IBU]|FONT)>"
)
BREAK = re.compile(r"<br[ \t]*/?>|\[br\]", re.I)
LANGUAGE = re.compile(r"\n(?:NOTE[ \t]+)?language:[ \t]*([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)[ \t]*(?=\n)", re.I)


def matches(text: str) -> bool:
    """Whether the text is captions: it says so, or a line of two times is in it."""
    return text.startswith("WEBVTT") or found(text)


def read(text: str) -> Reading:
    """The cues of a file, in its own order, as segments."""
    vtt = text.startswith("WEBVTT")
    reading = Reading("vtt" if vtt else "srt" if "-->" in text else "sbv")
    if vtt and (language := LANGUAGE.search(text, 0, 10_000)):
        reading.fields["language"] = language[1]
    shown = cues(text, vtt)
    if rolling_captions.marked(text) or rolling_captions.evident(shown, plain):
        once, folded = rolling_captions.fold(shown, plain)
        if folded > 1:  # a single line said twice does not roll
            reading.segments, reading.folded = once, folded
            return reading
    if "<" in text and "<v" in text:
        reading.segments = _voiced(shown)
        return reading
    if any(mark in text for mark in "<{[&"):
        shown = [(start, end, plain(payload)) for start, end, payload in shown]
    reading.segments = speaker_names.named(shown)
    return reading


def plain(payload: str) -> str:
    """A payload without tags and with its entities decoded; lines stay lines."""
    if "<" in payload or "{" in payload or "[" in payload:
        payload = TAG.sub("", BREAK.sub("\n", payload))
    return decoded(payload)


def _voiced(shown: list[Cue]) -> list[Segment]:
    """Segments of cues with voices; a cue of one voice and no other markup, as most are, in half the time."""
    pieces: list[Piece] = []
    voice = cache(ONE_VOICE.match)  # names come again
    for start, end, payload in shown:
        tag, closed, words = payload.strip().partition(">")
        words = words.removesuffix("</v>")
        one = voice(tag) if closed else None
        if one and "<" not in words and "&" not in words and "{" not in words and "[" not in words:
            pieces.append((start, end, one[1], words))
        else:
            pieces += _voices(start, end, payload)
    return spoken(pieces)


def _voices(start: float | None, end: float | None, payload: str) -> Iterator[Piece]:
    before, *voiced = VOICE.split(payload)
    if before.strip():
        yield start, end, None, plain(before)
    for name, words in zip(voiced[::2], voiced[1::2], strict=True):
        yield start, end, " ".join(decoded(name).split()) or None, plain(words)

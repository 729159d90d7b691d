"""Captions: SubRip (.srt), WebVTT and .sbv share one grammar, read here as people's files have it.

A cue is what follows a line of two times, up to the next such line. Blank lines end nothing, a clock may lack
its hours or have a dot for a comma, and only markup that is known is markup: `Vec<String>` was said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.transcripts import rolling, speakers
from pipeline.transcripts.clocks import CLOCK, every
from pipeline.transcripts.entities import decoded
from pipeline.transcripts.reading import Reading, Segment, segment, tidy
from pipeline.transcripts.speakers import Cue

# Groups: the index on the line above (SubRip), start, end. What follows the end are a cue's settings.
# Patterns begin with a newline, not with ^: the engine then jumps from line to line, which is four times as fast.
TIMES = re.compile(
    r"\n(?=[\d \t])(?:[ \t]*(\d{1,9})[ \t]*\n)?"
    rf"[ \t]*({CLOCK})(?: --> |[ \t]*--?>[ \t]*|,(?=\d+:\d+:))({CLOCK})"
    r"(?:[ \t][^\n]*)?(?=\n|\Z)"
)
COMMENT = re.compile(r"\n\n(?:NOTE|STYLE|REGION)(?:[ \t][^\n]*)?(?:\n(?![^\n]*-->)[^\n]+)*(?=\n|\Z)")
CUT = re.compile(r"\n[ \t]*\n(?:[^\n]*\n)?[ \t]*\d+:[\d:.,]*[ \t]*(?:-[^\n]*)?\Z")  # ends inside a line of times
VOICE = re.compile(r"<v(?:\.[^\s<>]*)?[ \t]+([^<>\n]*)>")
ONE_VOICE = re.compile(r"\s*<v ([^\s<>&](?:[^\n<>&]*[^\s<>&])?)>([^<&{\[]*)(?:</v>)?\s*\Z")
# Small letters are markup; `<B>` is so unless it stands at a word, as in `Vec<B>`.
TAG = re.compile(
    r"</?(?:[ibu]|ruby|rt)>|</?(?:[cv]|lang|font)(?:[.\s][^<>]*)?>|<\d+:[\d:.]+>|\{\\[^{}\n]*\}"
    r"|(?<!\w)<(?:[IBU]|FONT(?:\s[^<>]*)?)>|</(?:[IBU]|FONT)>"
)
BREAK = re.compile(r"<br[ \t]*/?>|\[br\]", re.I)
LANGUAGE = re.compile(r"\n(?:NOTE[ \t]+)?language:[ \t]*([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)[ \t]*(?=\n)", re.I)


def matches(text: str) -> bool:
    """Whether the text is captions: it says so, or a line of two times is in it."""
    return text.startswith("WEBVTT") or TIMES.search("\n" + text) is not None


def read(text: str) -> Reading:
    """The cues of a file, in its own order, as segments."""
    vtt = text.startswith("WEBVTT")
    reading = Reading("vtt" if vtt else "srt" if "-->" in text else "sbv")
    if vtt and (language := LANGUAGE.search(text, 0, 10_000)):
        reading.fields["language"] = language[1]
    cues = _cues(text, vtt)
    if rolling.marked(text) or rolling.evident(cues, plain):
        once, folded = rolling.fold(cues, plain)
        if folded > 1:  # a single line said twice does not roll
            reading.segments, reading.folded = once, folded
            return reading
    if "<" in text and "<v" in text:
        reading.segments = _voiced(cues)
        return reading
    if any(mark in text for mark in "<{[&"):
        cues = [(start, end, plain(payload)) for start, end, payload in cues]
    reading.segments = speakers.named(cues)
    return reading


def plain(payload: str) -> str:
    """A payload without tags and with its entities decoded; lines stay lines."""
    if "<" in payload or "{" in payload or "[" in payload:
        payload = TAG.sub("", BREAK.sub("\n", payload))
    return decoded(payload)


def _voiced(cues: list[Cue]) -> list[Segment]:
    """Segments of cues with voices; a cue of one voice and no other markup, as most are, in half the time."""
    pieces: list[Segment] = []
    for start, end, payload in cues:
        if one := ONE_VOICE.match(payload):
            pieces.append({"start": start, "end": end, "speaker": one[1], "text": one[2]})
        else:
            pieces += _voices(start, end, payload)
    return tidy(pieces)


def _voices(start: float | None, end: float | None, payload: str) -> Iterator[Segment]:
    before, *voiced = VOICE.split(payload)
    if before.strip():
        yield segment(plain(before), None, start, end)
    for name, words in zip(voiced[::2], voiced[1::2], strict=True):
        yield segment(plain(words), " ".join(decoded(name).split()) or None, start, end)


def _cues(text: str, vtt: bool) -> list[Cue]:
    """Each cue's times and payload. The name of the next cue, at the payload's end, is cut off."""
    text = "\n" + text
    if vtt and any(word in text for word in ("\n\nNOTE", "\n\nSTYLE", "\n\nREGION")):
        text = COMMENT.sub("\n", text)
    tail = CUT.search(text, max(0, len(text) - 500))
    head, *parts = TIMES.split(text[: tail.start()] if tail else text)
    numbers, payloads = [*parts[::4], None], parts[3::4]
    for at, payload in enumerate(payloads):
        if not payload.endswith("\n"):
            payloads[at] = _without_name(payload, int(numbers[at] or -1), numbers[at + 1], vtt)
    if payloads and not vtt:
        payloads[-1] = _without_index(payloads[-1], int(numbers[-2] or -1) + 1)
    before = [] if vtt or not head.strip() else [(None, None, head)]
    starts, ends = parts[1::4], parts[2::4]
    time = every({*starts, *ends})
    return [*before, *zip(map(time.get, starts), map(time.get, ends), payloads, strict=True)]


def _without_index(payload: str, following: int) -> str:
    """The last payload of a file that was cut after the index of the cue that follows."""
    above, _, line = payload.rstrip().rpartition("\n")
    before, newline, blank = above.rpartition("\n")
    return before if newline and line.strip(" \t") == str(following) and not blank.strip(" \t") else payload


def _without_name(payload: str, index: int, following: str | None, vtt: bool) -> str:
    """The payload when no blank line ends it: what stands there may be the name of the next cue.

    A SubRip index goes on counting, else it is a number that was said; WebVTT names a cue after a blank line.
    """
    if following:
        return payload if not payload.strip() or int(following) == index + 1 else f"{payload}\n{following}"
    before, _, line = payload.rpartition("\n")
    named = before.endswith("\n") and (vtt or line.strip() == str(index + 1))
    return before if named else payload

"""Captions as XML: TTML (Apple Podcasts and broadcasters), Podlove's simple transcripts, YouTube's timed text."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from xml.etree.ElementTree import Element, ParseError, fromstring

from pipeline.errors import clean
from pipeline.transcripts.readers import field_names, ttml
from pipeline.transcripts.readers.reading import Reading, Unreadable, segment, tidy
from pipeline.transcripts.readers.speech_json.values import ended, number, seconds, speaker
from pipeline.transcripts.readers.ttml import local

BLANK = re.compile(r"[\ufeff\s]*")
ROOT = re.compile(r"<(?:[\w.-]{1,40}:)?(?:tt|transcripts?|timedtext)(?=[\s>/])")
PAGE = re.compile(r"<(?:!doctype\s+)?html(?=[\s>])", re.I)
ENTITIES = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.I)  # an entity may stand for gigabytes


def matches(text: str) -> bool:
    """Whether the text is XML, by its first line or the name of its root; a page as XHTML is a page."""
    at = start(text)
    if ROOT.match(text, at):
        return True
    return text.startswith("<?xml", BLANK.match(text).end()) and not PAGE.match(text, at)


def start(text: str) -> int:
    """Where the first tag may begin: after white space, comments and an XML declaration."""
    at = 0
    while True:
        at = BLANK.match(text, at).end()
        end = "-->" if text.startswith("<!--", at) else "?>" if text.startswith("<?xml", at) else ""
        close = text.find(end, at) if end else -1
        if close < 0:
            return at
        at = close + len(end)


def parse(text: str) -> Element:
    """The root element. Raises Unreadable for what is not well-formed, and for a document type of its own."""
    if ENTITIES.search(text):
        raise Unreadable("XML with a DOCTYPE or ENTITY declaration, which is not read; remove the declaration")
    try:
        return fromstring(text.lstrip("\ufeff \t\n\r"))
    except ParseError as error:
        raise Unreadable(f"not well-formed XML at line {error.position[0]}: {clean(error, 100)}") from None
    except ValueError as error:
        raise Unreadable(f"not XML: {clean(error, 100)}") from None


def read(text: str) -> Reading:
    """The captions. Raises Unreadable for another kind of XML, or for none."""
    root = parse(text)
    reader = KINDS.get(local(root.tag))
    if reader is None:
        name = clean(local(root.tag), 40)
        raise Unreadable(f"XML of no known transcript kind; root element: {name}; export .srt, .vtt or .txt")
    try:
        return reader(root)
    except RecursionError:
        raise Unreadable("XML with too many elements inside each other; export .srt, .vtt or .txt") from None


def _transcript(root: Element) -> Reading:
    return _youtube(root) if any(local(node.tag) == "text" for node in root) else _podlove(root)


def _podlove(root: Element) -> Reading:
    """Speeches of one speaker; items with clocks."""
    segments = []
    for speech in (node for node in root.iter() if local(node.tag) == "speech"):
        name = None
        for node in speech:
            words = "".join(node.itertext())
            if local(node.tag) in ("speaker", "voice"):
                name = speaker(words)
            elif local(node.tag) == "item":
                segments.append(segment(words, name, seconds(node.get("start")), seconds(node.get("end"))))
    return Reading("podlove xml", tidy(segments))


def _youtube(root: Element) -> Reading:
    """`<text start dur>` in seconds, its entities escaped twice; or `<p t d>` in milliseconds."""
    segments = []
    for node in root.iter():
        words = "".join(node.itertext())
        if local(node.tag) == "text" and (node.get("start") or node.get("dur")):
            began, length = number(node.get("start")), number(node.get("dur"))
            segments.append(segment(unescape(words), None, began, ended(began, length)))
        elif local(node.tag) in ("p", "text"):
            began, length = number(node.get("t"), 1000), number(node.get("d"), 1000)
            segments.append(segment(words, None, began, ended(began, length)))
    return Reading("youtube xml", tidy(segments))


def _ttml(root: Element) -> Reading:
    reading = Reading("ttml", tidy(ttml.segments(root)))
    title = next(
        (" ".join("".join(node.itertext()).split()) for node in root.iter() if local(node.tag) == "title"), ""
    )
    language = field_names.language(root.get("{http://www.w3.org/XML/1998/namespace}lang"))
    reading.fields = {key: value for key, value in (("title", title), ("language", language)) if value}
    return reading


KINDS: dict[str, Callable[[Element], Reading]] = {
    "tt": _ttml, "transcripts": _transcript, "transcript": _transcript, "timedtext": _youtube,
}  # fmt: skip

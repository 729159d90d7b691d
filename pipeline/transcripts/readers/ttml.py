"""TTML: paragraphs with spans, times on any of them, and who speaks as a reference to an agent in the head."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from pipeline.transcripts.readers import timestamps
from pipeline.transcripts.readers.reading import Segment, segment
from pipeline.transcripts.readers.speech_json.timed_words import END, NEVER, sentences
from pipeline.transcripts.readers.speech_json.values import ended, number, speaker

ID = "{http://www.w3.org/XML/1998/namespace}id"
COUNT = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(h|ms|m|s|f|t)?")
FRAMES = re.compile(r"(\d+:\d\d:\d\d):(\d{1,3})(?:\.\d+)?")
CLOSING = re.compile(r"[,.;:?!…)\]%”’]")
NO_WORDS = {"", "metadata", "desc", "title", "agent", "actor", "set"}
Times = tuple[float | None, float | None]  # start and end in seconds


def local(tag: object) -> str:
    """The name of an element or attribute without its namespace; empty for a comment."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def segments(root: Element) -> list[Segment]:
    """The paragraphs, cut into sentences where their words have times."""
    clock, names, made = _Clock(root), _agents(root), []
    for paragraph, agent in _paragraphs(root, None):
        pieces = list(_pieces(paragraph, agent, clock, _times(paragraph, clock)))
        for piece in pieces:
            piece["speaker"] = _name(piece["speaker"], names)
        spans = [node for node in paragraph.iter() if local(node.tag) == "span"]
        if any(_unit(node) == "word" for node in spans) or len("".join(p["text"] for p in pieces).split()) == 1:
            _space(pieces)
        made += sentences(pieces, END if any(node.get("begin") for node in spans) else NEVER)
    return made


def _unit(node: Element) -> str | None:
    return next((value for key, value in node.attrib.items() if local(key) == "unit"), None)


def _space(pieces: list[Segment]) -> None:
    """Put a space before each word: Apple writes none."""
    for piece in pieces:
        if not CLOSING.match(piece["text"]):
            piece["text"] = f" {piece['text']}"


class _Clock:
    """Times as the file counts them: frames and ticks are said in its root element."""

    def __init__(self, root: Element):
        said = {local(key): number(value) for key, value in root.attrib.items()}
        self.frames, ticks = said.get("frameRate") or 30, said.get("tickRate") or 1
        self.units = {"h": 3600, "m": 60, "s": 1, "ms": 0.001, "f": 1 / self.frames, "t": 1 / ticks}

    def seconds(self, text: str | None) -> float | None:
        text = (text or "").strip()
        if count := COUNT.fullmatch(text):
            return round(float(count[1]) * self.units[count[2] or "s"], 6)
        if frames := FRAMES.fullmatch(text):
            return round(timestamps.seconds(frames[1]) + int(frames[2]) / self.frames, 6)
        return timestamps.seconds(text) if re.fullmatch(timestamps.CLOCK, text) else None


def _agents(root: Element) -> dict[str, str | None]:
    """The name of each agent of the head, by its id."""
    return {
        node.get(ID, ""): speaker(" ".join("".join(name.itertext()) for name in node if local(name.tag) == "name"))
        for node in root.iter()
        if local(node.tag) == "agent"
    }


def _name(agent: str | None, names: dict[str, str | None]) -> str | None:
    return ", ".join([names.get(each) or speaker(each) or each for each in (agent or "").split()]) or None


def _agent(node: Element, above: str | None) -> str | None:
    return next((value for key, value in node.attrib.items() if local(key) == "agent"), above)


def _paragraphs(node: Element, agent: str | None) -> Iterator[tuple[Element, str | None]]:
    agent = _agent(node, agent)
    if local(node.tag) == "p":
        yield node, agent
    else:
        for child in node:
            yield from _paragraphs(child, agent)


def _times(node: Element, clock: _Clock) -> Times:
    start = clock.seconds(node.get("begin"))
    return start, clock.seconds(node.get("end")) if node.get("end") else ended(
        start, clock.seconds(node.get("dur"))
    )


def _pieces(node: Element, agent: str | None, clock: _Clock, times: Times) -> Iterator[Segment]:
    """The texts of a paragraph in their order, each with the agent and the times of the element it stands in."""
    if node.text:
        yield segment(node.text, agent, *times)
    for child in node:
        if local(child.tag) == "br":
            yield segment(" ", agent, *times)
        elif local(child.tag) not in NO_WORDS:
            own = _times(child, clock)
            yield from _pieces(child, _agent(child, agent), clock, times if own[0] is None else own)
        if child.tail:
            yield segment(child.tail, agent, *times)

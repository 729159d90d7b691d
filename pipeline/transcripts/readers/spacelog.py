"""Spacelog: mission time in brackets on a line of its own, `NAME: words` below it, hanging indents."""

from __future__ import annotations

import re

from pipeline.transcripts.readers.reading import Reading, segment

TIME = re.compile(r"\[(-?)(\d+):(\d\d):(\d\d):(\d\d)\]")  # days, hours, minutes, seconds; negative before lift-off
HEAD = re.compile(r"([A-Z0-9][A-Za-z0-9 ]{0,30}):(?:\s+|$)")
LABEL = re.compile(r"_\w+\s*:|#")  # _page : 148, _tape : 2; a line of # is a typist's remark
LINK = re.compile(r"\[(?:glossary|time):([^\[\]|]*)\|?([^\[\]]*)\]")


def matches(text: str) -> bool:
    """Two lines that are a mission time and nothing else."""
    return len(re.findall(rf"^{TIME.pattern}$", text[:20_000], re.M)) > 1


def read(text: str) -> Reading:
    """A segment for each `NAME: words`; a name again is a paragraph again, as in the log."""
    segments: list[dict] = []
    start = None
    for line in text.split("\n"):
        if time := TIME.fullmatch(line.strip()):
            start = _seconds(*time.groups())
        elif head := HEAD.match(line):
            segments.append(segment(line[head.end() :], head[1], start))
        elif segments and not LABEL.match(line):
            segments[-1]["text"] += "\n" + line
    for piece in segments:
        piece["text"] = " ".join(LINK.sub(_label, piece["text"]).split())
    segments = [piece for piece in segments if piece["text"]]
    words = "\n\n".join(f"{piece['speaker']}: {piece['text']}" for piece in segments)
    return Reading("spacelog", segments, words)


def _seconds(sign: str, days: str, hours: str, minutes: str, rest: str) -> float:
    total = ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(rest)
    return float(-total if sign else total)


def _label(link: re.Match[str]) -> str:
    return link[2] or link[1]

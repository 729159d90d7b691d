"""Plain text and Markdown: turns as people and exporters write them, clocks taken out, all else left alone.

    Name: words              **Name:** \\[08:02\\] words        [00:01:02] Name: words      00:01:02 words
    Name  0:03 / words       *Name (0:03)* / words            Name: 00:01:02 / words      0:03 / words

Markdown is not parsed: a model reads it, and a parser would take `<Oat key>` for a tag.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from html import unescape

from pipeline.transcripts import front_matter, spacelog
from pipeline.transcripts.clocks import seconds
from pipeline.transcripts.lines import NAMED, SPAN, Line, parse
from pipeline.transcripts.reading import Reading, segment, tidy
from pipeline.transcripts.speakers import is_name

MARKDOWN = re.compile(r"(?:^|\n)(?:#{1,6} |\*\*|__)|\\\[")
TITLE = re.compile(r"\s*# +([^\n]+)")
SHORTCODE = re.compile(r"^[ \t]*\{\{[<%][^\n]*[%>]\}\}[ \t]*(?:\n|\Z)", re.M)
FOOTER = re.compile(r"(?:\n|\A)[ \t]*Transcribed by https?://otter\.ai/?\s*\Z")
SQUARE = re.compile(rf"[ \t]*\[{SPAN}\]")
BREAKS = {"Break", "Jingle", "Outro", "Intro", "Song", "Music"}  # a head without words, between two turns
SHORT = 300  # characters: pieces between clocks that are shorter on average are captions, not paragraphs


@dataclass
class Turn:
    """What stands between one head or clock and the next. `name` is None where the last speaker goes on."""

    start: float | None
    name: str | None
    lines: list[str]

    @property
    def text(self) -> str:
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self.lines)).strip()


def read(text: str, plain: bool = False) -> Reading:
    """The text as it stands, or its turns where there are any. `plain`: nothing in it is escaped, it is no file."""
    fields, body, warnings = ({}, text, []) if plain else front_matter.split(text)
    if spacelog.matches(body):
        reading = spacelog.read(body)
    elif not plain and (fields or MARKDOWN.search(body)):
        reading = _turns(unescape(SHORTCODE.sub("", body).replace("\\[", "[").replace("\\]", "]")), "markdown")
        if title := TITLE.match(body):
            fields.setdefault("title", title[1].strip())
    else:
        reading = _turns(FOOTER.sub("", body), "text")
    reading.fields, reading.warnings = fields, warnings
    return reading


def _turns(text: str, kind: str) -> Reading:
    lines = [parse(line) for line in text.split("\n")]
    _name_lines(lines)
    turns = _cut(lines, _known(lines), _clocked(lines))
    if len(turns) == 1:
        return Reading(kind, text=text.strip())
    if len(SQUARE.findall(text)) > 1:
        for turn in turns:
            turn.lines = [SQUARE.sub("", line) if "[" in line else line for line in turn.lines]
    said = [(turn, words) for turn in turns if (words := turn.text)]
    segments = tidy(segment(words, turn.name, turn.start) for turn, words in said)
    captions = not any(turn.name for turn in turns) and sum(len(words) for _, words in said) < SHORT * len(said)
    paragraphs = (f"{turn.name}: {words}" if turn.name else words for turn, words in said)
    return Reading(kind, segments, None if captions else "\n\n".join(paragraphs))


def _name_lines(lines: list[Line]) -> None:
    """Names on a line of their own beside or below a clock, the words on the next: nearly all clocks have one."""
    found = []
    for clock, below, after in zip(lines, lines[1:], [*lines[2:], Line("", "", "")], strict=False):
        if clock.at and not clock.name:
            name, words = (clock, below) if clock.rest.strip() else (below, after)
            if NAMED.fullmatch(name.rest) and is_name(name.rest.strip()) and words.raw.strip() and not words.at:
                found.append((clock, name))
    if len(found) > 1 and len(found) * 10 >= 9 * sum(1 for line in lines if line.at):
        for clock, name in found:
            name.name, name.at, name.words, name.sure = name.rest.strip(), clock.at, "", True


def _known(lines: list[Line]) -> set[str]:
    """The heads that are names: in bold, beside a clock on most lines that have one, or there at least twice."""
    heads = Counter(line.name for line in lines if line.name and not line.alone)
    alone = [line.name for line in lines if line.alone]
    timed = [line.name for line in lines if line.at and line.name]
    sure = {line.name for line in lines if line.sure} | set(alone if len(alone) > 1 else ())
    sure |= set(timed if len(timed) * 2 >= sum(1 for line in lines if line.at) > 1 else ())
    return sure | {name for name, count in heads.items() if count > 1}


def _clocked(lines: list[Line]) -> bool:
    """Whether bare clocks at the start of lines are a recording's: a third of the lines have one."""
    bare = sum(1 for line in lines if line.at and not line.name and not line.square)
    return bare * 3 >= sum(1 for line in lines if line.raw.strip()) and bare > 1


def _cut(lines: list[Line], known: set[str], clocked: bool) -> list[Turn]:
    turns = [Turn(None, None, [])]
    for line in lines:
        start = seconds(line.at) if line.at else None
        if line.name in known:
            if line.words or line.name not in BREAKS:
                turns.append(Turn(start, line.name, [line.words]))
        elif line.at and (line.square or clocked) and not line.alone:
            turns.append(Turn(start, None, [line.rest]))
        else:
            turns[-1].lines.append(line.raw)
    return turns

"""Plain text and Markdown: turns as people and exporters write them, clocks taken out, all else left alone.

    Name: words              **Name:** \\[08:02\\] words        [00:01:02] Name: words      00:01:02 words
    Name  0:03 / words       *Name (0:03)* / words            Name: 00:01:02 / words      0:03 / words

Markdown is not parsed: a model reads it, and a parser would take `<Oat key>` for a tag.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from pipeline.transcripts import front_matter, spacelog
from pipeline.transcripts.clocks import seconds
from pipeline.transcripts.entities import decoded
from pipeline.transcripts.lines import NAMED, TIME, UNTIL, Line, parse
from pipeline.transcripts.reading import Reading, segment, tidy
from pipeline.transcripts.speakers import is_name

MARKDOWN = re.compile(r"(?:^|\n)(?:#{1,6} |\*\*|__)|\\\[")
TITLE = re.compile(r"\s*# +([^\n]+)")
ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
SHORTCODE = re.compile(r"\{\{[<%][^\n{}]{0,500}[%>]\}\}(?:[ \t]*(?:\n|\Z))?")
FOOTER = re.compile(r"(?:\n|\A)[ \t]*Transcribed by https?://otter\.ai/?\s*\Z")
UNCLEAR = re.compile(rf"([\[(][^\[\]()\d\n]{{3,30}}?)[ \t—@-]+{TIME}(?=_?[\])])")  # [unintelligible 00:02:21.25]
LINKED = re.compile(rf"\[(\[?{TIME}\]?)\]\([^()\s]*\)")  # a clock that is a link into the recording
SQUARE = re.compile(rf"[*_]{{0,2}}\[({TIME}){UNTIL}\][*_]{{0,2}}[ \t]*")
VOID = re.compile(rf"(?:[\s\W_]|to|{TIME})*")
ITEM = ("-", "*", "•")
BREAKS = {"Break", "Jingle", "Outro", "Intro", "Song", "Music"}  # a head without words, between two turns
SHORT = 300  # characters: pieces between clocks that are shorter on average are captions, not paragraphs


@dataclass
class Turn:
    """What stands between one head or clock and the next. `name` is None where the last speaker goes on."""

    start: float | None
    name: str | None
    lines: list[str]
    perhaps: str = ""  # a clock at its head, which was said if nothing follows

    @property
    def text(self) -> str:
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self.lines)).strip() or self.perhaps


def read(text: str, plain: bool = False) -> Reading:
    """The text as it stands, or its turns where there are any. `plain`: nothing in it is escaped, it is no file."""
    fields, body, warnings = ({}, text, []) if plain else front_matter.split(text)
    vouched = set(fields.get("speakers", ()))
    if spacelog.matches(body):
        reading = spacelog.read(body)
    elif not plain and (fields or MARKDOWN.search(body)):
        reading = _turns(decoded(ESCAPE.sub(r"\1", SHORTCODE.sub("", body))), "markdown", vouched)
        if title := TITLE.match(body):
            fields.setdefault("title", title[1].strip())
    else:
        reading = _turns(FOOTER.sub("", body), "text", vouched)
    reading.fields, reading.warnings = fields, warnings
    return reading


def _turns(text: str, kind: str, vouched: set[str]) -> Reading:
    text = UNCLEAR.sub(r"\1", LINKED.sub(lambda link: f"[{link[1].strip('[]')}]", text))
    squares = [seconds(clock) for clock in SQUARE.findall(text)]
    lines = [parse(line) for line in text.split("\n")]
    _name_lines(lines)
    turns = _cut(lines, _known(lines, vouched), *_clocked(lines))
    if len(squares) > 1 and squares == sorted(squares):  # a time that was said does not fit the others
        for turn in turns:
            turn.lines = [SQUARE.sub("", line).rstrip() if "[" in line else line for line in turn.lines]
    said = [(turn, words) for turn in turns if (words := turn.text)]
    if len(turns) == 1:
        return Reading(kind, text="\n".join(turns[0].lines).strip())
    segments = tidy(
        segment(words, turn.name, None if words == turn.perhaps else turn.start) for turn, words in said
    )
    captions = not any(turn.name for turn in turns) and sum(len(words) for _, words in said) < SHORT * len(said)
    paragraphs = (f"{turn.name}: {words}" if turn.name else words for turn, words in said)
    return Reading(kind, segments, None if captions else "\n\n".join(paragraphs))


def _name_lines(lines: list[Line]) -> None:
    """Make heads of names that stand on a line of their own: beside nearly all clocks, below or above them.

    Only names that come again, or are headings: the first of two lines under each clock is speech.
    """
    full = [line for line in lines if line.raw.strip()]
    end = Line("", "", "")
    around = list(zip([end, *full], full, [*full[1:], end], [*full[2:], end, end], strict=False))
    clocks = [around for around in around if around[1].at and not around[1].name]
    for place in (_beside, _below, _above):
        found = [(clock, name) for clock in clocks if (name := place(*clock)) and _is_name_line(name)]
        names = {name.rest.strip() for _, name in found}
        surely = len(names) * 2 <= len(found) or all(name.raw.lstrip().startswith("#") for _, name in found)
        if len(found) > 1 and len(found) * 10 >= 9 * len(clocks) and surely:
            for (_, clock, *_), name in found:
                name.name, name.at, name.words, name.sure = name.rest.strip(), clock.at, "", True
                if clock is not name:
                    clock.at = clock.raw = ""
            return


def _beside(before: Line, clock: Line, below: Line, after: Line) -> Line | None:
    return clock if clock.rest.strip() and not below.at else None


def _below(before: Line, clock: Line, below: Line, after: Line) -> Line | None:
    return below if not clock.rest.strip() and not below.at and not after.at else None


def _above(before: Line, clock: Line, below: Line, after: Line) -> Line | None:
    return before if not clock.rest.strip() and not below.at and not before.at else None


def _is_name_line(line: Line) -> bool:
    return (
        NAMED.fullmatch(line.rest) is not None and is_name(line.rest.strip()) and line.rest.strip()[-1] not in ".?!"
    )


def _known(lines: list[Line], vouched: set[str]) -> set[str]:
    """The heads that are names: in bold, beside a clock on most lines that have one, or there at least twice.

    Where half of the heads are such, a mere `Word:` that comes twice is none: a list has those too. Else, where two
    names come again, a third that comes once is one: somebody spoke once.
    """
    heads = Counter(line.name for line in lines if line.name and not line.alone)
    alone = [line.name for line in lines if line.alone]
    timed = [line.name for line in lines if line.at and line.name]
    sure = vouched | {line.name for line in lines if line.sure} | set(alone if len(alone) > 1 else ())
    sure |= set(timed if len(timed) * 2 >= sum(1 for line in lines if line.at) > 1 else ())
    if len(sure) > 1 and 2 * sum(heads[name] for name in sure) >= sum(heads.values()):
        return sure
    again = sure | {name for name, count in heads.items() if count > 1}
    if len(again) < 2:
        return again
    return again | {
        line.name for line in lines if line.name and not line.alone and not line.raw.lstrip().startswith(ITEM)
    }


def _clocked(lines: list[Line]) -> tuple[bool, bool]:
    """Whether bare clocks are a recording's: at the start of lines (a third has one), and alone on a line (two)."""
    bare = [line for line in lines if line.at and not line.name and not line.square]
    full = sum(1 for line in lines if line.raw.strip())
    return 3 * len(bare) >= full and len(bare) > 1, sum(1 for line in bare if not line.rest.strip()) > 1


def _cut(lines: list[Line], known: set[str], leading: bool, alone: bool) -> list[Turn]:
    turns = [Turn(None, None, [])]
    for line in lines:
        start = seconds(line.at) if line.at else None
        if line.name in known:
            if start is None and not turns[-1].text:
                start = turns[-1].start  # its clock stands on the line above
            if line.name not in BREAKS or not VOID.fullmatch(line.words):
                turns.append(Turn(start, line.name, [line.words], line.perhaps))
        elif line.at and not line.alone and (line.square or leading or (alone and not line.rest.strip())):
            turns.append(Turn(start, None, [line.rest]))
        else:
            turns[-1].lines.append(line.raw)
    return turns

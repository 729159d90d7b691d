"""One line of plain text or Markdown: the clock, the name and the words in it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.transcripts.readers.speaker_names import NAME, is_name

TIME = r"\d{1,3}(?::\d{2}){1,3}(?:[.,]\d{1,3})?"
HOURS = r"\d{1,3}(?::\d{2}){2,3}(?:[.,]\d{1,3})?"  # of three fields: hardly ever said
UNTIL = rf"(?:[ \t]*(?:--?>|[-–—→])[ \t]*{TIME})?"
BRACKETED = rf"(?:\[({TIME}){UNTIL}\]|\(({TIME}){UNTIL}\))"
CLOCK = rf"(?:{BRACKETED}|({TIME}){UNTIL})"
SURE = rf"(?:{BRACKETED}|(?<!\S)({HOURS}))"
END = r"(?=\s|\Z)"

LEAD = re.compile(rf"{CLOCK}(?:[ \t]*[-–—|:])?{END}")
AFTER = rf"(?:[ \t]*(?:{SURE}{END}|(?P<perhaps>{TIME})(?=[ \t]*\Z)))?"  # `Name: 0:03`, the words on the next line
BOX = rf"(?:\[(?P<box>{NAME})\]|(?P<name>{NAME}))"
WIDE = r"(?P<name>[^\W\d_][^:：*\[\]\t]{0,60}?)"  # in bold a name may be any few words
GAP = r"(?:[ \t]{2,}|\t|[ \t]?[,|–—-][ \t]*|(?<=\])[ \t]*)"
# (pattern, must the name be in bold, is there nothing but a name and a clock), asked in this order
HEADS = (
    (re.compile(rf"{WIDE}(?:[ \t]*{SURE})?[ \t]?(?P<colon>[:：]){AFTER}"), True, False),
    (re.compile(rf"{BOX}(?:[ \t]*{SURE})?[ \t]?(?P<colon>:{END}|：){AFTER}"), False, False),
    (re.compile(rf"{WIDE}[ \t]*{CLOCK}[ \t]*(?P<colon>:?)[ \t]*\Z"), True, True),
    (re.compile(rf"{BOX}(?:[ \t]*{BRACKETED}|{GAP}({TIME})|[ \t]({HOURS}))[ \t]*:?[ \t]*\Z"), False, True),
)
TAGGED = re.compile(r"\[(?P<box>speaker[ _]?\w{1,3})\]", re.I)  # WhisperX, after a clock
NAMED = re.compile(rf"[ \t]*({NAME})[ \t]*")

INTRO = re.compile(r"[ \t]*(?:#{1,6}[ \t]+)?(?:[-•*>][ \t]+|>>[ \t]*)?")
MARK = re.compile(
    r"\*{1,3}|(?<!\w)_{1,3}|_{1,3}(?!\w)|`|<(?:b|strong|i|em)>(?=[^<\n]{1,200}</)|</(?:b|strong|i|em)>"
    r"|(?<=\])\([^()\s]*\)"
)
CLOSED = re.compile(r"(?:\*{1,3}|_{1,3}|`|</\w{1,6}>|(?<=\])\([^()\s]*\))*[ \t]*")
SHOWN = 200  # characters of a line in which a head may stand


@dataclass(slots=True)
class Line:
    """`rest` is the line without a clock at its start, `words` without a name too.

    `sure`: more than a colon says that the name is one. `alone`: a name, a clock and nothing else. `square`: the
    clock stands in square brackets, as nothing does that is said. `perhaps` is a clock that may have been said.
    """

    raw: str
    rest: str
    words: str
    at: str = ""
    name: str = ""
    sure: bool = False
    alone: bool = False
    square: bool = False
    perhaps: str = ""


def parse(raw: str) -> Line:
    """The line taken apart; what it means depends on the rest of the file."""
    start = raw[:SHOWN]
    if ":" not in start and "：" not in start:
        return Line(raw, raw, raw)
    if "\t" in start and (line := _columns(raw)):
        return line
    line, bare = Line(raw, raw, raw), _Bare(raw, start)
    begin = 0
    if lead := LEAD.match(bare.text):
        line.at, line.square, begin = _clock(lead), "[" in lead[0], bare.skip(lead.end())
        line.rest = line.words = bare.after(lead.end())
    for pattern, bold, alone in HEADS:
        found = pattern.match(bare.text, begin)
        if found and not (alone and line.at) and (not bold or bare.encloses(found)) and _take(line, found, bare):
            line.sure, line.alone = line.sure or bold, alone and not bold
            break
    if line.at and not line.name and (found := TAGGED.match(bare.text, begin)):
        line.name, line.words, line.sure = found["box"], bare.after(found.end()), True
    return line


def _take(line: Line, found: re.Match[str], bare: _Bare) -> bool:
    """Put a head into the line; False if it begins as no name does."""
    groups = found.groupdict()
    name = (groups.get("box") or groups["name"]).strip(" _")
    if not name or not is_name(name):
        return False
    clock = _clock(found)
    line.perhaps = groups.get("perhaps") or ""
    line.name, line.words, line.at = name, bare.after(found.end()), line.at or clock
    line.sure = bool(clock)
    return True


def _columns(raw: str) -> Line | None:
    """Name, clock and words between tabs, the clock first or second."""
    fields = [field.strip() for field in raw.split("\t", 2)]
    for clock, name in (fields[:2], fields[1::-1]):
        if len(fields) == 3 and (at := re.fullmatch(CLOCK, clock)) and NAMED.fullmatch(name) and is_name(name):
            return Line(raw, raw, fields[2], _clock(at), name, sure=True)
    return None


def _clock(found: re.Match[str]) -> str:
    """The group that is a clock; names begin with a letter."""
    return next((group for group in found.groups() if group and group[0].isdigit()), "")


class _Bare:
    """The start of a line without its markup, so that one pattern fits `**Name:**`, `__Name__:` and `Name:`."""

    def __init__(self, raw: str, start: str) -> None:
        at = INTRO.match(start).end()
        self.raw, self.text, self.places, self.marks = raw, "", [], set()
        for mark in MARK.finditer(start, at):
            self._add(start, at, mark.start())
            self.marks.add(len(self.text))
            at = mark.end()
        self._add(start, at, len(start))

    def _add(self, start: str, at: int, end: int) -> None:
        self.text += start[at:end]
        self.places += range(at, end)

    def after(self, end: int) -> str:
        """The raw line after that many characters of the text, and after markup that closes there."""
        place = self.places[end - 1] + 1
        return self.raw[CLOSED.match(self.raw, place).end() :]

    def skip(self, begin: int) -> int:
        """Where the text goes on after white space."""
        return len(self.text) - len(self.text[begin:].lstrip(" \t"))

    def encloses(self, found: re.Match[str]) -> bool:
        """Whether markup opens before the name, and closes after it, its clock or its colon."""
        ends = (found.end("name"), found.end("colon"), found.start("colon"), found.end())
        return found.start("name") in self.marks and any(end in self.marks for end in ends)

"""One line of plain text or Markdown: the clock, the name and the words in it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.transcripts.speakers import NAME, is_name

TIME = r"\d{1,3}(?::\d{2}){1,3}(?:[.,]\d{1,3})?"
SPAN = rf"({TIME})(?:[ \t]*(?:--?>|[-–—])[ \t]*{TIME})?"
STAMP = rf"(?:\[{SPAN}\]|\({SPAN}\)|{SPAN})"  # three groups, of which one is set
END = r"(?=\s|\Z)"
WIDE = r"[^\W\d_][^:*\[\]\t]{0,60}?"  # inside ** a name may be any few words

LEAD = re.compile(rf"[ \t]*{STAMP}(?:[ \t]*[-–—|:])?{END}[ \t]*")
AFTER = rf"(?:[ \t]*{STAMP})?[ \t]*(?::{END}|：)[ \t]*(?:{STAMP}{END})?[ \t]*"  # what follows a name
HEAD = re.compile(rf"[ \t]*(?:>>[ \t]*|[-•*][ \t]+)?(?:\[({NAME})\]|({NAME})){AFTER}")
BOLD_HEAD = re.compile(rf"[ \t]*()({WIDE}){AFTER}")
ALONE = re.compile(rf"[ \t]*(?:\[({NAME})\]|({NAME}?))(?:[ \t,|–—-]+|(?=[\[(])){STAMP}[ \t]*:?[ \t]*\Z")
BOLD = re.compile(r"[ \t]*(\*{1,2}|_{1,2})(?=\S)([^\n]{1,80}?)\1")
NAMED = re.compile(rf"[ \t]*({NAME})[ \t]*")
SHOWN = 200  # characters of a line in which a head may stand


@dataclass(slots=True)
class Line:
    """`rest` is the line without a clock at its start, `words` without a name too.

    `sure`: more than a colon says that the name is one. `alone`: a name, a clock and nothing else.
    `square`: the clock stands in square brackets, as nothing does that is said.
    """

    raw: str
    rest: str
    words: str
    at: str = ""
    name: str = ""
    sure: bool = False
    alone: bool = False
    square: bool = False


def parse(raw: str) -> Line:
    """The line taken apart; what it means depends on the rest of the file."""
    if "\t" in raw and (line := _columns(raw)):
        return line
    line = _lead(raw, raw)
    start = line.rest[:SHOWN]
    if (bold := BOLD.match(start)) and (bold[2][-1] in ":：)]" or start[bold.end() :].lstrip()[:1] in {*":：(["}):
        plain = f"{bold[2]} {start[bold.end() :]}{line.rest[SHOWN:]}"
        inner = _head(
            Line(raw, line.rest, plain, line.at, square=line.square) if line.at else _lead(raw, plain), BOLD_HEAD
        )
        if inner.name:
            return inner
    return _head(line, HEAD)


def _columns(raw: str) -> Line | None:
    """Name, clock and words between tabs, the clock first or second."""
    fields = [field.strip() for field in raw.split("\t", 2)]
    for clock, name in (fields[:2], fields[1::-1]):
        if len(fields) == 3 and (at := re.fullmatch(STAMP, clock)) and NAMED.fullmatch(name) and is_name(name):
            return Line(raw, raw, fields[2], _clock(at.groups()), name, sure=True)
    return None


def _lead(raw: str, text: str) -> Line:
    lead = LEAD.match(text)
    if not lead:
        return Line(raw, text, text)
    rest = text[lead.end() :]
    return Line(raw, rest, rest, _clock(lead.groups()), square="[" in lead[0])


def _head(line: Line, head: re.Pattern[str]) -> Line:
    if (found := head.match(line.words, 0, SHOWN)) and is_name(name := (found[1] or found[2]).strip()):
        clock = _clock(found.groups()[2:])
        line.name, line.words = name, line.words[found.end() :]
        line.at, line.sure = line.at or clock, bool(clock) or head is BOLD_HEAD
    elif not line.at and (found := ALONE.match(line.words)) and is_name(name := found[1] or found[2]):
        line.name, line.at, line.words, line.alone = name, _clock(found.groups()[2:]), "", True
    return line


def _clock(groups: tuple[str | None, ...]) -> str:
    return next(filter(None, groups), "")

"""The turns in lines of text: which heads are names, and which clocks a recording's, is told by the whole file."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from pipeline.transcripts.readers.speaker_names import is_name
from pipeline.transcripts.readers.text_lines import NAMED, TIME, Line, parse
from pipeline.transcripts.readers.timestamps import seconds

VOID = re.compile(rf"(?:[\s\W_]|to|{TIME})*")
ITEM = ("-", "*", "•")
BREAKS = {"Break", "Jingle", "Outro", "Intro", "Song", "Music"}  # a head without words, between two turns


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


def cut(text: str, vouched: set[str]) -> list[Turn]:
    """The turns of a text, first what stands before any head or clock. `vouched` are names that the file gives."""
    lines = [parse(line) for line in text.split("\n")]
    _name_lines(lines)
    return _cut(lines, _known(lines, vouched), *_clocked(lines))


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

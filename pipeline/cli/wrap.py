"""Text in the width of the terminal, or 80 columns: a command in backticks is never cut in two."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence

LABEL = re.compile(r" +(?=\S)|(?:\S+ )?\S+ {2,}(?=\S)")  # what the rest of a line stands beside
COMMAND = re.compile(r"`[^`\n]+`")
HELD = "\x00"  # a space that is no place to cut
DEEPEST = 14  # columns of a label


def width() -> int:
    return max(shutil.get_terminal_size((80, 24)).columns, 40)


def wrapped(text: str, indent: int | None = None) -> str:
    """Each line in as many as it needs; those after its first stand `indent` to the right, else under its words."""
    return "\n".join(part for line in text.split("\n") for part in _line(line, width(), indent))


def _line(line: str, most: int, indent: int | None) -> list[str]:
    if len(line) <= most:
        return [line]
    label = LABEL.match(line)
    deep = len(label[0]) if label and len(label[0]) <= DEEPEST else 2
    held = COMMAND.sub(lambda command: command[0].replace(" ", HELD), line)
    how = {"subsequent_indent": " " * (deep if indent is None else indent), "break_long_words": False}
    parts = textwrap.wrap(held, most, break_on_hyphens=False, **how)
    return [part.replace(HELD, " ") for part in parts]


def entries(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Rows as lines with columns of one width, the last cell of each below it."""
    rows = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*[row[:-1] for row in rows], strict=True)]
    for *cells, words in rows:
        yield "  ".join(map(str.ljust, cells, widths)).rstrip()
        if words:
            yield wrapped(f"    {words}", 4)

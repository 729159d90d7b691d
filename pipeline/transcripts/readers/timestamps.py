"""Times in a recording, as transcripts write them."""

from __future__ import annotations

from itertools import chain

import orjson

# 1:02, 00:01:02,500, 120:00.000; the first alternative is what most captions have, and fast.
CLOCK = r"(?:\d\d:\d\d:\d\d[.,]\d\d\d(?!\d)|\d{1,4}(?::\d{1,3}){1,3}(?:[.,]\d{1,9})?)"
FORM = "00:00:00.000 --> 00:00:00.000\n"  # a line of two whole clocks
LINE = len(FORM)
MARKS = [(at, ".," if mark == "." else mark) for at, mark in enumerate(FORM) if mark != "0"]
MINUTES, REST = [(0, 1, 3, 4), (17, 18, 20, 21)], [(6, 7, 9, 10, 11), (23, 24, 26, 27, 28)]  # columns of digits


class _Before(dict):
    """Milliseconds before the minute `1HHMM`, and 100,000 less: what follows is `1SSmmm`."""

    def __missing__(self, minute: int) -> int:
        value = self[minute] = (minute // 100 % 100 * 60 + minute % 100) * 60_000 - 100_000
        return value


def pairs(lines: list[str]) -> list[float] | None:
    """`seconds` of the two clocks of each line, if all have the FORM, as in most captions; else None.

    The lines are a table, checked and read column by column, in a fifth of the time.
    """
    table, before = "".join(lines), _Before()
    if len(table) != LINE * len(lines) or any(table[at::LINE].strip(marks) for at, marks in MARKS):
        return None
    rows = table.encode("utf-8", "replace")  # what is not ASCII has no byte that is a digit
    if not all(rows[at::LINE].isdigit() for at in chain(*MINUTES, *REST)):
        return None
    minutes, rests = _numbers(rows, MINUTES), _numbers(rows, REST)
    return [(before[minute] + rest) / 1000 for minute, rest in zip(minutes, rests, strict=True)]


def _numbers(rows: bytes, fields: list[tuple[int, ...]]) -> list[int]:
    """The numbers that columns of digits make, with a 1 before each: numbers of JSON begin with no zero."""
    form = b"".join(b"1" + b"0" * len(field) + b"," for field in fields)
    places = [at for at, digit in enumerate(form) if digit == ord("0")]
    numbers = bytearray(form * (len(rows) // LINE))
    for place, column in zip(places, chain(*fields), strict=True):
        numbers[place :: len(form)] = rows[column::LINE]
    return orjson.loads(b"[%b]" % numbers[:-1])


def seconds(clock: str) -> float:
    """Seconds of a clock that CLOCK matches. A fourth field is thousandths or, with two digits, frames."""
    whole, _, part = clock.replace(",", ".").partition(".")
    fields = whole.split(":")
    if len(fields) == 4:
        last = fields.pop()
        part = part or (last if len(last) == 3 else "")
    total = 0
    for number in fields:
        total = total * 60 + int(number)
    return (total * 1000 + int((part + "000")[:3])) / 1000

"""Times in a recording, as transcripts write them."""

from __future__ import annotations

import orjson

# 1:02, 00:01:02,500, 120:00.000; the first alternative is what most captions have, and fast.
CLOCK = r"(?:\d\d:\d\d:\d\d[.,]\d\d\d(?!\d)|\d{1,4}(?::\d{1,3}){1,3}(?:[.,]\d{1,9})?)"
SIGNS = str.maketrans("\n", ",", ":.,")


class _Rest(dict):
    """What makes `1HHMMSSmmm`, a number, the clock's milliseconds; worked out once for all clocks of a minute."""

    def __missing__(self, minute: int) -> int:
        value = self[minute] = (minute // 100 % 100 * 60 + minute % 100) * 60_000 - minute * 100_000
        return value


def every(clocks: list[str]) -> list[float]:
    """`seconds` of each clock."""
    return whole(clocks) or [seconds(clock) for clock in clocks]


def whole(clocks: list[str]) -> list[float] | None:
    """`seconds` of clocks that all are HH:MM:SS.mmm, as in most captions, in a fifth of the time; else None."""
    text, rest = "".join(clocks), _Rest()
    if set(map(len, clocks)) != {12} or (text[2::12] + text[5::12]).strip(":") or text[8::12].strip(".,"):
        return None
    digits = text.translate(SIGNS)
    if len(digits) != 9 * len(clocks) or not digits.isascii() or not digits.isdecimal():
        return None
    numbers = orjson.loads("[1" + "\n1".join(clocks).translate(SIGNS) + "]")
    return [(number + rest[number // 100_000]) / 1000 for number in numbers]


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

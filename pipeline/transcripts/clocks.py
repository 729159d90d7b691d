"""Times in a recording, as transcripts write them."""

from __future__ import annotations

# 1:02, 00:01:02,500, 120:00.000; the first alternative is what most captions have, and fast.
CLOCK = r"(?:\d\d:\d\d:\d\d[.,]\d\d\d(?!\d)|\d{1,4}(?::\d{1,3}){1,3}(?:[.,]\d{1,9})?)"


class _Minutes(dict):
    """`HH:MM` in milliseconds, worked out once for all cues of that minute."""

    def __missing__(self, clock: str) -> int:
        value = self[clock] = (int(clock[:2]) * 60 + int(clock[3:])) * 60_000
        return value


def every(clocks: set[str]) -> dict[str, float]:
    """`seconds` of each clock; where all are HH:MM:SS.mmm, as in most captions, in a fifth of the time."""
    text, minutes = "".join(clocks), _Minutes()
    if set(map(len, clocks)) != {12} or {*text[2::12], *text[5::12]} != {":"} or not {*text[8::12]} <= {".", ","}:
        return {clock: seconds(clock) for clock in clocks}
    return {c: (minutes[c[:5]] + int(c[6:8] + c[9:])) / 1000 for c in clocks}


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

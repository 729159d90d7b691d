"""A text cut into parts that fit, which tile it: nothing is lost, nothing out of order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil

# Where a part may end, the best place first: a turn, a line, a sentence, a word.
PLACES = [
    re.compile(r"\n\n+"),
    re.compile(r"\n"),
    re.compile(r"[.!?…。？！]+[\"'”’»)\]]*\s|[。？！]"),
    re.compile(r"\s"),
]

Count = Callable[[str], int]  # tokens of a text


@dataclass(frozen=True)
class Part:
    """Characters of a text: from `begin` to `end` they are in no other part; those from `start` repeat the last."""

    start: int
    begin: int
    end: int


def cut(text: str, most: int, overlap: int, count: Count) -> list[Part]:
    """Parts of at most `most` tokens, about equally long, each with up to `overlap` tokens of the one before.

    Raises ValueError if a single character has more than `most`.
    """
    return list(_parts(text, most, min(overlap, most // 4), count))


def _parts(text: str, most: int, overlap: int, count: Count) -> Iterator[Part]:
    dense, at = _density(text, count), 0
    while at < len(text):
        start, left = _start(text, at, overlap, dense, count), len(text) - at
        tokens = left * dense - (0 if at else overlap)  # the first part repeats nothing
        aim = ceil(left / max(ceil(tokens / max(most - overlap, 1)), 1))  # characters
        end = _end(text, start, at, aim, most, count)
        if end is None:  # what is repeated leaves no room
            start, end = at, _end(text, at, at, aim, most, count)
        if end is None:
            raise ValueError(f"no character fits into {most} tokens")
        yield Part(start, at, end)
        at = end


def _density(text: str, count: Count) -> float:
    """Tokens of a character."""
    return max(count(text), 1) / max(len(text), 1)


def _end(text: str, start: int, at: int, size: int, most: int, count: Count) -> int | None:
    """Where a part ends that begins `at`: after about `size` characters, fewer where those are too many tokens."""
    while size:
        end = _last(text, at, min(at + size, len(text)))
        if (tokens := count(text[start:end])) <= most:
            return end
        size = min(max(int((end - at) * 0.95 * most / tokens), 1), end - at - 1)
    return None


def _last(text: str, low: int, high: int) -> int:
    """The last good place in the second half of low to high; `high` if there is none, or the text ends there."""
    if high == len(text):
        return high
    middle = (low + high) // 2
    for place in PLACES:
        if found := [match.end() for match in place.finditer(text, middle, high)]:
            return found[-1]
    return high


def _start(text: str, at: int, overlap: int, dense: float, count: Count) -> int:
    """Where the overlap of a part begins: at the first good place that keeps it within so many tokens."""
    size = min(int(overlap / dense), at)
    while size:
        start = _first(text, at - size, at)
        if (tokens := count(text[start:at])) <= overlap:
            return start
        size = min(max(int((at - start) * 0.95 * overlap / tokens), 1), at - start - 1)
    return at


def _first(text: str, low: int, high: int) -> int:
    """The first good place in the first half of low to high, else `low`."""
    for place in PLACES:
        if low and (match := place.search(text, low, (low + high) // 2)):
            return match.end()
    return low


def beginning(text: str, most: int, count: Count) -> Part:
    """As much of a text, from its beginning, as fits into `most` tokens."""
    end = _end(text, 0, 0, int(most / _density(text, count)) + 1, most, count)
    if end is None:
        raise ValueError(f"no character fits into {most} tokens")
    return Part(0, 0, end)

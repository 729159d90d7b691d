"""Warnings worth reading, each as `(kind, sentence)`: what costs money or pulls an answer off course."""

from __future__ import annotations

from itertools import groupby
from operator import eq

from pipeline.errors import clean
from pipeline.transcripts.readers.reading import Reading

LOOP = 10  # times running that nobody says the same line
TINY = 200  # characters


def warnings(reading: Reading) -> list[tuple[str, str]]:
    """What a person should look at before it is paid for."""
    text = reading.words
    found = [("note", sentence) for sentence in reading.warnings]
    if 0 < len(text) < TINY:
        found.append(("tiny", f"only {len(text):,} characters"))
    if run := longest_run(lines(reading)):
        times, line = run
        found.append(("loop", f"“{clean(line, 40)}” {times:,} times running: a speech-to-text loop?"))
    return found


def lines(reading: Reading) -> list[str]:
    """The texts of the segments; without any, the lines that are not blank."""
    if reading.segments:
        return [piece["text"] for piece in reading.segments]
    return [line for line in map(str.strip, reading.words.split("\n")) if line]


def longest_run(lines: list[str]) -> tuple[int, str] | None:
    """How often a line stands there in a row, and the line; None if no line does so LOOP times."""
    if not any(map(eq, lines, lines[LOOP - 1 :])):  # what runs that long meets itself; most files end here
        return None
    times, line = max((len(list(run)), line) for line, run in groupby(lines))
    return (times, line) if times >= LOOP else None

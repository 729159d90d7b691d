"""ID beside `submit` and `plan`: the transcripts that are meant, as words or as the lines of a file."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import InputError


def ids(words: str) -> frozenset[str]:
    """None for "": all are meant. Raises InputError where something is said and names none."""
    try:
        names = Path(words).read_text("utf-8-sig").split("\n") if Path(words).is_file() else words.split()
    except UnicodeDecodeError:
        raise InputError(f"ID={words}: not UTF-8") from None
    found = frozenset(map(str.strip, names)) - {""}
    if words and not found:
        raise InputError(f"ID={words}: it names no transcript; nothing is sent")
    return found

"""Bytes to text: by byte order mark, as UTF-8, as UTF-16 by the pattern of its zero bytes, else as cp1252.

A detector would add rare encodings, and take German for Turkish; ENCODING names those better.
"""

from __future__ import annotations

import codecs
import re

from pipeline.errors import InputError
from pipeline.transcripts.readers.reading import Unreadable

MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
         codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip
GUESS = "cp1252"
UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")  # in cp1252
HIGH, LATIN = re.compile(rb"[\x80-\xff]"), re.compile(rb"[A-Za-z]")
CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def known(encoding: str) -> str:
    """The name itself, if it is an encoding of text; raises InputError."""
    try:
        b"a".decode(encoding or "utf-8", "replace")
    except LookupError:
        raise InputError(f"ENCODING={encoding} is no encoding; try utf-8, utf-16, cp1252, shift_jis, …") from None
    return encoding


def decode(data: bytes, encoding: str = "") -> tuple[str, str, str]:
    """`(text, encoding, warning)`; every line ends with `\\n`. Raises Unreadable for what is no text."""
    name = encoding or _marked(data) or _utf16(data, 0.2) or "utf-8"
    try:
        return _lines(data.decode(name)), name, ""
    except UnicodeDecodeError:
        return _mended(data, name, encoding)


def _mended(data: bytes, name: str, encoding: str) -> tuple[str, str, str]:
    """As `decode`, for bytes that are not what `name` says."""
    if name == "utf-8" and not encoding:
        name = _utf16(data, 0.01) or _damaged(data) or _guess(data)
    text = data.decode(name, "replace")
    lost = text.count("\ufffd")
    if lost and name.startswith("utf-8"):
        lost -= data.count("\ufffd".encode())  # the character itself may stand in a file
    if encoding and lost:
        raise Unreadable(f"not {encoding}: {lost:,} places cannot be decoded; mend the file or ENCODING=")
    warning = f"{lost:,} places are not {name}; they read U+FFFD" if lost > 0 else ""
    if name == GUESS:
        warning = f"no UTF-8; read as {GUESS}, a guess: ENCODING= names another"
    return _lines(text), name, warning


def _marked(data: bytes) -> str:
    return next((name for mark, name in MARKS.items() if data.startswith(mark)), "")


def _utf16(data: bytes, least: float) -> str:
    """UTF-16 has its zero bytes on one side; `least` is the share of characters that must have one."""
    start = data[:8192]
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) * 2 < least * len(start) or min(even, odd) * 20 > max(even, odd):
        return ""
    return "" if even == odd else "utf-16-le" if odd > even else "utf-16-be"


def _damaged(data: bytes) -> str:
    """UTF-8 with a few broken places: a file that was cut, or glued from two."""
    text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = len(text) - bad - len(text.encode("ascii", "ignore"))
    return "utf-8" if bad * 2 <= good else ""


def _guess(data: bytes) -> str:
    """cp1252, if the text may be in it: most letters are of the Latin alphabet, and every byte is defined."""
    start = data[:65536]
    if len(CONTROLS.findall(start)) * 100 > len(start):
        raise Unreadable("not text: the bytes are those of a binary file; export it as .vtt, .srt, .txt or .json")
    if UNDEFINED.search(start) or len(HIGH.findall(start)) > len(LATIN.findall(start)):
        raise Unreadable(
            "neither UTF-8 nor Western European; name the encoding: ENCODING=cp1251, shift_jis, gb18030, …"
        )
    return GUESS


def _lines(text: str) -> str:
    """Line ends made one, a NUL made visible; a mark that is left over goes."""
    if "\r" in text:  # twice where a file of CRLF was written as text once more
        text = text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\0", "\ufffd").removeprefix("\ufeff")

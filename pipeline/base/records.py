"""Records read from JSON Lines, each checked against a schema; a fault names file, line and JSON path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

import schemas
from pipeline.base.atomic_files import BUFFER
from pipeline.base.faults import Faults
from pipeline.base.lines import MAX_LINE, ended_lines


def records(path: Path, kind: str, faults: Faults) -> Iterator[tuple[int, Any]]:
    """Line number and record of each line of the file that fits the schema `kind`; the others are faults."""
    with path.open("rb", buffering=BUFFER) as stream:
        yield from parse(stream, path, kind, faults)


def parse(stream: BinaryIO, path: Path, kind: str, faults: Faults) -> Iterator[tuple[int, Any]]:
    """As `records`, from an open stream."""
    fits = schemas.is_valid(kind)
    for number, record, why in values(stream):
        if why:
            faults.add(f"{path}:{number}", why)
        elif fits(record):
            yield number, record
        else:
            blame(path, number, schemas.faults(kind, record), faults)


def values(stream: BinaryIO) -> Iterator[tuple[int, Any, str]]:
    """Line number and value of each line of JSON; or None, and why it is none."""
    for number, line in ended_lines(stream):
        try:
            yield number, orjson.loads(line), ""
        except orjson.JSONDecodeError:
            line = line.rstrip(b"\r\n")
            yield number, None, _why_not_json(line)
            if len(line) >= MAX_LINE:  # the rest of it would be read as lines of their own
                return


def blame(path: Path, number: int, reasons: Iterable[str], faults: Faults) -> None:
    for reason in reasons:
        faults.add(f"{path}:{number}", reason)


def _why_not_json(line: bytes) -> str:
    if len(line) >= MAX_LINE:
        return f"the line is longer than {MAX_LINE >> 20} MiB"
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as bad:
        return f"not UTF-8: byte 0x{line[bad.start]:02x} at offset {bad.start}"
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return f"not JSON: {error.msg} at column {error.colno}"
    raise AssertionError("a line is not JSON with its end alone")

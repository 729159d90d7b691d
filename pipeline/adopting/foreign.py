"""What a person says of jobs that were started elsewhere, and the lines of their files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.base.atomic_files import BUFFER
from pipeline.base.lines import MAX_LINE, lines
from pipeline.errors import Busy, InputError
from pipeline.provider import Provider


@dataclass(frozen=True)
class Foreign:
    """What a person says of jobs that were started elsewhere: their ids (none: those of the account that hold
    something of the batch), the files that were uploaded, the files of answers; `by_ids`: the ids of the answers
    are proof enough."""

    ids: tuple[str, ...] = ()
    requests: tuple[Path, ...] = ()
    output: tuple[Path, ...] = ()
    by_ids: bool = False


def by_hand(words: str) -> list[Path]:
    """The files that a variable names. Raises InputError for one that is not there."""
    paths = [Path(word) for word in words.split()] if not Path(words).is_file() else [Path(words)]
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path}: no such file")
    return paths


def read(paths: Iterable[Path]) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb", buffering=BUFFER) as stream:
            yield from (line for _, line in lines(stream))


def started_with(provider: Provider, ref: dict[str, Any]) -> Iterator[bytes] | None:
    """The lines that a job was started with; None where the service does not give them back."""
    chunks = (file.chunks for file in provider.lines(ref))
    first = next((one for one in chunks if one is not None), None)
    return None if first is None else _lines(first, chunks)


def _lines(first: Iterable[bytes], others: Iterator[Iterable[bytes] | None]) -> Iterator[bytes]:
    yield from split(first)
    for chunks in others:
        yield from split(chunks or ())


def split(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a file that comes in pieces."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_LINE:
            raise Busy("what a job was started with is no file of lines")
        yield from (line for line in whole if line.strip())
    if rest.strip():
        yield rest

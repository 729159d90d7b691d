"""What a person says of jobs that were started elsewhere, and the lines of their files."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.atomic_files import BUFFER
from pipeline.base.lines import lines
from pipeline.errors import InputError, clean


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
    try:
        paths = [Path(words)] if Path(words).is_file() else [Path(word) for word in shlex.split(words)]
    except ValueError as error:
        raise InputError(f"{clean(words, 60)}: {error}") from None
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path}: no such file")
    return paths


def read(paths: Iterable[Path]) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb", buffering=BUFFER) as stream:
            yield from (line for _, line in lines(stream))

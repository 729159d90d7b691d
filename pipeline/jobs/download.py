"""Brings the output of a job home: stored whole or not at all, before anything is decoded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import orjson

from pipeline.base.atomic_files import BUFFER, atomic, sha256
from pipeline.base.clock import Clock
from pipeline.errors import Busy
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.receipt import Receipt
from pipeline.provider import Download, Provider

LATE = 300.0  # seconds after the end during which files that are not there yet are waited for


def download(
    ledger: Ledger, receipt: Receipt, provider: Provider, clock: Clock, say: Callable[[str], None]
) -> Receipt:
    """Store the output and error file of an ended job, one after the other, as outputs/<shard>.jsonl.

    Raises Busy when what came is provably or possibly not all. A job whose files are not there yet stays
    unsettled for LATE seconds; after that it is taken as it is, and its requests are missing.
    """
    late = clock.now() - (receipt.ended or 0.0) < LATE
    path = ledger.output(receipt)
    with atomic(path) as stream:
        downloads = [_copy(file, stream) for file in provider.fetch(receipt.ref)]
        stream.flush()
        part = Path(stream.name)
        gone = [name for name, _, got, _ in downloads if got is None]
        if late and (gone or (not downloads and (receipt.state == "completed" or receipt.done))):
            raise Busy(f"{receipt.shard}: the job ended and its files are not there yet")
        _prove(ledger, receipt, provider, part, [d for d in downloads if d[2] is not None], late)
        output = {"bytes": part.stat().st_size, "sha256": sha256(part)}
    for name in gone:
        say(f"{receipt.shard}: the service names an {name} file and does not have it")
    return ledger.save(receipt, output=output)


def _copy(file: Download, stream: BinaryIO) -> tuple[str, int | None, int | None, bool]:
    """Name, announced size, received size (None: no file), and whether the last line has its end."""
    if file.chunks is None:
        return file.name, file.size, None, True
    got, last, lines = 0, b"\n", 0
    for chunk in file.chunks:
        stream.write(chunk)
        got, last, lines = got + len(chunk), chunk[-1:] or last, lines + chunk.count(b"\n")
    lines += last != b"\n"
    if file.lines is not None and lines < file.lines:
        raise Busy(f"{lines:,} of {file.lines:,} lines of the {file.name} file came")
    if last != b"\n":  # whole or cut, which the proof tells; the next file must not go on in it
        stream.write(b"\n")
    return file.name, file.size, got, last == b"\n"


def _prove(ledger: Ledger, receipt: Receipt, provider: Provider, part: Path, downloads: list, late: bool) -> None:
    """Completeness: the service's own size, or whole lines only, or every request answered.

    An output without a byte and without a size is waited for as a file that is not there is.
    """
    wrong = [one for one in downloads if one[1] != one[2]]
    if not wrong or _all_answered(ledger, receipt, provider, part):
        return
    for name, size, got, closed in wrong:
        if not closed:
            raise Busy(f"{receipt.shard}: the {name} file ends in the middle of a line")
        if size and got is not None:
            raise Busy(f"{receipt.shard}: {got:,} of {size:,} bytes of the {name} file came")
        if not got and name == "output" and late:
            raise Busy(f"{receipt.shard}: the {name} file came empty")
    if not _objects(part):
        raise Busy(f"{receipt.shard}: what came is not the output of a job")


def _all_answered(ledger: Ledger, receipt: Receipt, provider: Provider, part: Path) -> bool:
    with part.open("rb", buffering=BUFFER) as stream:
        names = {provider.decode(line).custom_id for line in stream}
    return all(provider.custom_id(line) in names for line in ledger.lines(receipt))


def _objects(part: Path) -> bool:
    with part.open("rb", buffering=BUFFER) as stream:
        return all(_is_object(line) for line in stream if line.strip())


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except ValueError:
        return False

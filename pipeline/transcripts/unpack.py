"""The bytes of a file, unpacked where it is compressed."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pipeline.base.atomic_files import BUFFER
from pipeline.base.lines import MAX_LINE
from pipeline.transcripts.readers.reading import Unreadable

CHUNK = 1 << 16  # bytes; most files are shorter
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """A stream of the file's content. Raises Unreadable for one that is damaged or needs what is not installed."""
    with Path(path).open("rb", buffering=CHUNK) as stream:
        magic = stream.peek(4)[:4]
        try:
            yield _unpacked(stream, magic)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise Unreadable(f"the gzip file is damaged: {error}") from None
        except Exception as error:
            if type(error).__name__ == "ZstdError":  # its module is imported only for a file that needs it
                raise Unreadable(f"the zstd file is damaged: {error}") from None
            raise


def _unpacked(stream: BinaryIO, magic: bytes) -> BinaryIO:
    if magic.startswith(GZIP):
        return gzip.open(stream)
    if magic == ZSTD:
        try:
            import zstandard
        except ImportError:
            raise Unreadable("to read .zst files, pip install 'transcript-batch[zst]'") from None
        return zstandard.ZstdDecompressor().stream_reader(stream, read_size=BUFFER)
    return stream


def content(path: str) -> bytes:
    """All of a file that holds one transcript. Raises Unreadable where it is too long to be one."""
    data = bytearray()
    with opened(path) as stream:
        while chunk := stream.read(BUFFER):
            data += chunk
            if len(data) > MAX_LINE:
                raise Unreadable(f"longer than {MAX_LINE >> 20} MiB; a file of many transcripts must be .jsonl")
    return bytes(data)

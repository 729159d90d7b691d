"""One file of the input, whatever it is: read, checked and described."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator

import orjson

import schemas
from pipeline.base.words import elapsed, many
from pipeline.transcripts import formats, json, jsonl, lint
from pipeline.transcripts.captions import matches as is_captions
from pipeline.transcripts.decode import decode
from pipeline.transcripts.load import content, opened
from pipeline.transcripts.outcome import Outcome
from pipeline.transcripts.paths import suffix
from pipeline.transcripts.reading import Reading, Unreadable
from pipeline.transcripts.record import record

LINES = (".jsonl", ".ndjson")
UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # in the name of a file


def read(path: str, name: str, encoding: str = "") -> Iterator[Outcome]:
    """The outcomes of a file: one, or one for each line of JSON Lines, which are read as they stream by."""
    if UNFIT.search(name):
        yield Outcome(
            path, name, faults=["the name of this file is not UTF-8, or has control characters; rename it"]
        )
        return
    try:
        if encoding in ("", "utf-8") and streams(path):
            with opened(path) as stream:
                yield from jsonl.read(stream, path)
        else:
            yield from _whole(content(path), path, name, encoding)
    except Unreadable as error:
        yield Outcome(path, name, faults=[str(error)])
    except OSError as error:
        yield Outcome(path, name, faults=[error.strerror or str(error)])


def streams(path: str) -> bool:
    """Whether the file is to be read as JSON Lines without holding it: its name says so, its start agrees."""
    if suffix(path) not in LINES:
        return False
    with opened(path) as stream:
        start = stream.read(4096)
    return b"\0" not in start and not is_captions(start.decode("utf-8", "replace").lstrip("\ufeff"))


def _whole(data: bytes, path: str, name: str, encoding: str) -> Iterator[Outcome]:
    formats.refuse(data)
    source = {"path": path, "encoding": None, "sha256": hashlib.sha256(data).hexdigest()}
    source |= {"given": True} if encoding else {}  # another ENCODING makes another text of the same bytes
    if formats.zipped(data):
        from pipeline.transcripts import docx

        yield _outcome(docx.read(data), path, name, source, "")
        return
    text, source["encoding"], warning = decode(data, encoding)
    if not json.matches(text):
        yield _outcome(formats.read(text), path, name, source, warning)
    elif json.lines(text):
        yield from jsonl.read(io.BytesIO(text.encode("utf-8", "replace")), path)
    elif (records := json.records(value := json.parse(text), name)) is None:
        from pipeline.transcripts import speech

        yield _outcome(speech.read(value), path, name, source, warning)
    else:
        for number, item in enumerate(records, 1):
            where = path if len(records) == 1 else f"{path}[{number}]"
            yield jsonl.outcome(item, where, path, set())


def _outcome(reading: Reading, path: str, name: str, source: dict, warning: str) -> Outcome:
    made = record(reading, name, source)
    if not made["text"].strip():
        return Outcome(path, name, faults=[f"no transcript: there are no words in it (read as {reading.format})"])
    if not schemas.is_valid("transcript")(made):
        return Outcome(path, name, faults=list(schemas.faults("transcript", made)))
    warnings = lint.warnings(reading) + ([("encoding", warning)] if warning else [])
    about = [reading.format, made["source"].get("encoding"), many(len(made["text"]), "character")]
    about += [many(len(made["speakers"]), "speaker")] if made.get("speakers") else []
    about += [elapsed(made["duration"])] if made.get("duration") else []
    return Outcome(
        path, name, orjson.dumps(made), True, [], warnings, reading.format, ", ".join(filter(None, about))
    )

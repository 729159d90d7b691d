"""One file of the input, whatever it is: read, checked and described."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator

import orjson

import schemas
from pipeline.base.humanize import elapsed, many
from pipeline.transcripts import choose_reader, json_file, json_lines, quality
from pipeline.transcripts.encoding import decode
from pipeline.transcripts.find_files import suffix
from pipeline.transcripts.outcome import Outcome
from pipeline.transcripts.readers.captions import matches as is_captions
from pipeline.transcripts.readers.reading import Reading, Unreadable
from pipeline.transcripts.transcript_record import record
from pipeline.transcripts.unpack import content, opened

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
                yield from json_lines.read(stream, path)
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
    choose_reader.refuse(data)
    source = {"path": path, "encoding": None, "sha256": hashlib.sha256(data).hexdigest()}
    source |= {"given": True} if encoding else {}  # another ENCODING makes another text of the same bytes
    if choose_reader.zipped(data):
        from pipeline.transcripts.readers import word_document

        yield _outcome(word_document.read(data), path, name, source, "")
        return
    text, source["encoding"], warning = decode(data, encoding)
    if not json_file.matches(text):
        yield _outcome(choose_reader.read(text), path, name, source, warning)
    elif json_file.lines(text):
        yield from json_lines.read(io.BytesIO(text.encode("utf-8", "replace")), path)
    elif (records := json_file.records(value := json_file.parse(text), name)) is None:
        from pipeline.transcripts.readers import speech_json

        yield _outcome(speech_json.read(value), path, name, source, warning)
    else:
        for number, item in enumerate(records, 1):
            where = path if len(records) == 1 else f"{path}[{number}]"
            yield json_lines.outcome(item, where, path, set())


def _outcome(reading: Reading, path: str, name: str, source: dict, warning: str) -> Outcome:
    made = record(reading, name, source)
    if not made["text"].strip():
        return Outcome(path, name, faults=[f"no transcript: there are no words in it (read as {reading.format})"])
    if not schemas.is_valid("transcript")(made):
        return Outcome(path, name, faults=list(schemas.faults("transcript", made)))
    warnings = quality.warnings(reading) + ([("encoding", warning)] if warning else [])
    about = [reading.format, made["source"].get("encoding"), many(len(made["text"]), "character")]
    about += [many(len(made["speakers"]), "speaker")] if made.get("speakers") else []
    about += [elapsed(made["duration"])] if made.get("duration") else []
    return Outcome(
        path, name, orjson.dumps(made), True, [], warnings, reading.format, ", ".join(filter(None, about))
    )

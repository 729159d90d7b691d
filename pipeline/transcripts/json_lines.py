"""JSON Lines: one record a line, under the schema's names or the common other ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson

import schemas
from pipeline.base.records import values
from pipeline.transcripts import whole_request
from pipeline.transcripts.outcome import Outcome
from pipeline.transcripts.readers.field_names import ALIASES, renamed
from pipeline.transcripts.readers.reading import join, segment, tidy

IDS = {"id", *ALIASES["id"]}
OURS = ("record", "sha256", "joined", "given")  # fields of a source that say how we read, and no one else
RESULT = {"id", "custom_id", "outcome", "sent_as", "job", "text"}
TAKEN = ("id", "text", "title", "show", "published", "metadata")  # of a result: its answer is the text


def read(stream: BinaryIO, path: str) -> Iterator[Outcome]:
    """An outcome for each line that is not blank; an empty file is a fault."""
    said: set[str] = set()
    number = 0
    for number, value, why in values(stream):
        where = f"{path}:{number}"
        yield Outcome(where, faults=[why]) if why else outcome(value, where, path, said)
    if not number:
        yield Outcome(path, faults=["no transcripts: the file is empty"])


def outcome(value: Any, where: str, path: str, said: set[str]) -> Outcome:
    """The record made whole: its own names, a text, a source. `said` holds the aliases named already."""
    if isinstance(value, dict) and value.keys() >= RESULT:  # a line of another run's results
        if value["outcome"] != "ok":
            return Outcome(where, faults=[f"$.outcome: {value['outcome']}, so there is no answer to read"])
        value = _answer(value)
    if whole_request.matches(value):
        return whole_request.outcome(value, where, path)
    record, read_as = renamed(value) if isinstance(value, dict) else (value, {})
    if not schemas.is_valid("transcript")(record):
        return Outcome(where, faults=list(schemas.faults("transcript", record)))
    about = {"record": True, "sha256": _hash(value)}
    if record.get("text") is None:
        record["text"], about["joined"] = _words(record["segments"]), True
    if not record["text"]:
        return Outcome(where, record["id"], faults=["$.segments: no words in any segment"])
    record["source"] = _source(record, path) | about
    warnings = _new_aliases(read_as, said) if read_as else []
    return Outcome(where, record["id"], orjson.dumps(record), warnings=warnings, format="jsonl")


def _source(record: dict[str, Any], path: str) -> dict[str, Any]:
    """As the record says it, less what only we say."""
    if "source" not in record:
        return {"path": path, "format": "jsonl"}
    return {name: value for name, value in record["source"].items() if name not in OURS}


def _new_aliases(read_as: dict[str, str], said: set[str]) -> list[tuple[str, str]]:
    new = sorted(read_as.keys() - said)
    said.update(new)
    return [("alias", f"`{alias}` is read as `{read_as[alias]}`") for alias in new]


def _hash(value: dict[str, Any]) -> str:
    """Of a record as it stands, but for its id: under another one it is the same."""
    said = {name: inner for name, inner in value.items() if name not in IDS}
    return hashlib.sha256(orjson.dumps(said)).hexdigest()


def _answer(row: dict[str, Any]) -> dict[str, Any]:
    """A result as a transcript. Of a run with several prompts, each answer to one transcript is a transcript."""
    record = {name: row[name] for name in TAKEN if row.get(name) is not None}
    several = row.get("prompt") and "." in row["custom_id"]
    return record | ({"id": f"{row['id']}/{row['prompt']}"} if several else {})


def _words(segments: list[dict[str, Any]]) -> str:
    return join(tidy(segment(piece["text"], piece.get("speaker")) for piece in segments))

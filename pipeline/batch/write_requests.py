"""Writes batch.jsonl and index.jsonl, and collects what is wrong with the transcripts."""

from __future__ import annotations

import filecmp
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import orjson

import schemas
from pipeline.base.duplicate_ids import Ids
from pipeline.base.faults import Faults
from pipeline.base.records import blame
from pipeline.base.warning_limit import Notices
from pipeline.base.workspace import Workspace
from pipeline.batch.one_transcript import Pair
from pipeline.batch.request_line import written
from pipeline.errors import TooLong

LONGER = "ask with LONG=split, LONG=truncate or a smaller MAX_TOKENS"


class Writer:
    """To the streams of both files, a transcript at a time. `count` is of requests."""

    def __init__(self, ws: Workspace, requests: BinaryIO, index: BinaryIO, notices: Notices) -> None:
        self._ws, self._requests, self._index, self._notices = ws, requests, index, notices
        self._input = str(ws.transcripts)
        self.faults, self.count = Faults(), 0
        self._seen, self._refused = Ids(), False

    def add(self, number: int, transcript: Mapping[str, Any], pairs: Sequence[Pair]) -> None:
        """The requests of the transcript on that line."""
        where = self._where(number)
        if before := self._seen.first(pairs[0][0]["custom_id"], where):
            self.faults.add(where, f"$.id: {transcript['id']!r} is also the id at {before}")
            return
        for request, carried in pairs:
            self.count += 1
            if not schemas.is_valid("request")(request):
                blame(self._ws.batch, self.count, schemas.faults("request", request), self.faults)
            self._requests.write(written(request) + b"\n")
            self._index.write(orjson.dumps(carried) + b"\n")
            if (part := carried["part"]) and part["number"] == 1:
                self._notices.add("long", transcript["id"], _cut(part))

    def refuse(self, number: int, transcript: Mapping[str, Any], error: TooLong) -> None:
        self._refused = True
        self.faults.add(self._where(number), f"{transcript['id']!r}: {error}")

    def end(self) -> None:
        """Raises InputError with all faults. A round that combines answers to another batch than this goes."""
        self.faults.check(f"{LONGER if self._refused else 'mend the input'}, and run `make batch` again")
        if not self._ws.round.exists():
            return
        same = _same_file(self._requests, self._ws.batch) and _same_file(self._index, self._ws.index)
        if not same:
            self._ws.round.unlink()

    def _where(self, number: int) -> str:
        return f"{self._input}:{number}"


def _same_file(stream: BinaryIO, path: Path) -> bool:
    """Whether what was written is what lies there."""
    stream.flush()
    return path.exists() and filecmp.cmp(stream.name, path, shallow=False)


def _cut(part: Mapping[str, Any]) -> str:
    if part["of"] > 1:
        return f"too long for the window: asked in {part['of']} parts, whose answers are combined"
    return f"too long for the window: only {part['to'] / part['length']:.0%} of it is sent".replace("%", " %")

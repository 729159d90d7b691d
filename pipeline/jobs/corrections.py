"""Requests that had no answer and were sent again under another body: which, and what the body says instead.

corrections.jsonl stands beside the batch, a row for each (schemas/correction.schema.json).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Mapping
from typing import Any

import orjson

from pipeline.base.atomic_files import atomic
from pipeline.base.faults import Faults
from pipeline.base.records import records
from pipeline.base.workspace import Workspace
from pipeline.batch.request_index import row_of
from pipeline.errors import InputError

Request = dict[str, Any]
Line = Callable[[str, int], bytes]  # of a shard, at that byte


class Corrections:
    """Those of a workspace, and those that are `planned` and not written yet. `line` gives a line that was sent."""

    def __init__(self, ws: Workspace, line: Line) -> None:
        self._path, self._line, self._said = ws.corrections, line, {}
        self.planned: dict[str, Request] = {}
        faults = Faults()
        for _, row in records(self._path, "correction", faults) if self._path.exists() else ():
            self._said[row["custom_id"]] = row
        faults.check("restore the file")

    def applied(self, request: Request, about: bytes | Mapping[str, Any]) -> Request:
        """The request with its body as corrected; itself if it was not. `about` is its row of the index, read only
        for one that has a correction; b"" or {} if it has none."""
        row = self.planned.get(request["custom_id"]) or self._said.get(request["custom_id"])
        if row is None:
            return request
        other = row["of"] != _of(request, row_of(about) if isinstance(about, bytes) else about)
        if other or _says(request, row["body"]) or self._stands(request):
            return request
        return _changed(request, row["body"])

    def plan(self, request: Request, about: Mapping[str, Any], body: Mapping[str, Any]) -> Request:
        """The request of the batch with these fields in its body, in place of an earlier correction, for `save`.

        Raises InputError for one that cannot be changed.
        """
        there, name = _says(request, body), request["custom_id"]
        if not there and self._stands(request):
            raise InputError("it stands as another release sent it, and cannot be changed; choose a new RUN")
        row, before = {"custom_id": name, "of": _of(request, about), "body": dict(body)}, self._said.get(name)
        if row != before and (before or not there):
            self.planned[name] = row
        return request if there else _changed(request, body)

    def keep(self, names: Container[str]) -> None:
        """Plan for these requests alone."""
        self.planned = {name: row for name, row in self.planned.items() if name in names}

    def save(self) -> None:
        """Write down what is planned, durably."""
        if self.planned:
            self._said |= self.planned
            with atomic(self._path) as stream:
                stream.writelines(orjson.dumps(row) + b"\n" for row in self._said.values())

    def _stands(self, request: Request) -> bool:
        """Whether it is a line that was sent and has no body of chat completions."""
        place = request.get("sent")
        return bool(place) and orjson.loads(self._line(place["shard"], place["at"])).get("body") != request["body"]


def _says(request: Request, body: Mapping[str, Any]) -> bool:
    return all(name in request["body"] and request["body"][name] == value for name, value in body.items())


def _changed(request: Request, body: Mapping[str, Any]) -> Request:
    rest = {name: value for name, value in request.items() if name != "sent"}
    return rest | {"body": {**request["body"], **body}}


def _of(request: Request, about: Mapping[str, Any]) -> str:
    """What a request is made from: a correction is for that, and for no other text or prompt under the same id."""
    made, part = about.get("made") or {}, about.get("part") or {}
    said = made.get("source") or orjson.dumps(request["body"]["messages"]).decode()
    whole = [said, made.get("asked"), request.get("combines"), part.get("number"), part.get("of")]
    return hashlib.blake2b(orjson.dumps(whole), digest_size=16).hexdigest()

"""Requests that stay as they were sent: found by what they were made from, not by what code would make of it now.

made/<shard>.jsonl has a row for each line of a shard (schemas/made.schema.json): that of index.jsonl when it was
sent, with where the line is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

import schemas
from pipeline.base.atomic_files import BUFFER
from pipeline.base.lines import Places
from pipeline.batch.made_from import Made, reading, source
from pipeline.batch.prompt import Prompt
from pipeline.batch.request_line import identity
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.sent_rows import damaged

SHIFT = 48  # bits for a place in a file
ALONE = {"text", "timed"}  # a prompt that sees no more of a file asks the same of another with its bytes


@dataclass(frozen=True)
class Stored:
    """A request as it stands in a shard, and its row."""

    receipt: Receipt
    row: Mapping[str, Any]

    @property
    def part(self) -> tuple[int, int]:
        """How many parts there are, and which one it is; (0, 0) if it is none."""
        part = self.row["part"] or {"of": 0, "number": 0}
        return part["of"], part["number"]

    def asks(self, ask: Made) -> bool:
        return Made.of(self.row).asks(ask, cut=bool(self.row["part"]))

    @property
    def carried(self) -> dict[str, Any]:
        """The row of the index."""
        return {name: value for name, value in self.row.items() if name not in ("at", "line")}


class Kept:
    """The rows of all shards, by their sources. Memory: a few words per request."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._receipts = ledger, [one for one in ledger if ledger.made(one).exists()]
        self._files = Places()
        self._places: dict[bytes, list[int]] = {}
        self._read = False  # whether some are known by what was read
        for number, receipt in enumerate(self._receipts):
            for at, row in self._rows(receipt):
                self._read = self._read or "read:" in row["made"]["source"]
                for key in row["made"]["source"].split():
                    self._places.setdefault(identity(key.encode()), []).append((number << SHIFT) + at)

    def find(self, transcript: Mapping[str, Any], ask: Made, prompt: Prompt) -> list[Stored]:
        """The requests that were made of this transcript's source and prompt, cut as when they were sent.

        None if nothing of it was sent. Of what was sent more than once its own counts before that of a transcript
        that only asks the same, then the newest.
        """
        if not self._places:
            return []
        keys = [source(transcript), *([reading(transcript)] if self._read else [])]
        alike = [one for key in keys for one in self._all(key) if one.asks(ask)]
        own = [one for one in alike if one.row.get("id") == transcript["id"]]
        some = [one for one in own or (alike if _asks_alone(prompt, keys[0]) else []) if one.receipt.begun]
        if not some:
            return []
        latest = max(some, key=lambda one: one.receipt.number)
        newest = {
            one.part: one
            for one in some
            if (one.row["whole"], one.part[0]) == (latest.row["whole"], latest.part[0])
        }
        return [newest[part] for part in sorted(newest)] if len(newest) == max(latest.part[0], 1) else []

    def combined(self, whole: str, ask: Made, newest: int) -> list[Stored]:
        """The requests that combined the answers to parts, which are `ask.source`, the last one last: those of this
        result, else of the newest other one.

        None if the last was not sent, is asked otherwise now, or is older than `newest`, the last shard with parts.
        """
        begun = [one for one in self._all(ask.source) if one.receipt.begun and one.asks(ask)]
        last = [one for one in begun if one.row["custom_id"] == one.row["whole"]]
        own = [one for one in last if one.row["whole"] == whole] or last
        latest = max(own, key=lambda one: one.receipt.number, default=None)
        if latest is None or latest.receipt.number <= newest:
            return []
        rounds = {one.row["custom_id"]: one for one in begun if one.row["whole"] == latest.row["whole"]}
        return [*(one for one in rounds.values() if one is not latest), latest]

    def round(self, name: str, ask: Made, span: list[int], newest: int) -> Stored | None:
        """The request of that custom_id that combined the same of these answers, newer than shard `newest`."""
        begun = [one for one in self._all(ask.source) if one.receipt.begun and one.receipt.number > newest]
        same = [
            one for one in begun if one.row["custom_id"] == name and one.row.get("span") == span and one.asks(ask)
        ]
        return same[-1] if same else None

    def line(self, one: Stored) -> bytes:
        """The line as it was sent. Raises DamagedError if it is another one."""
        line = self._ledger.at(one.receipt.shard, one.row["at"])
        if identity(line).hex() != one.row["line"]:
            raise damaged(self._ledger.made(one.receipt))
        return line

    def request(self, one: Stored, name: str) -> dict[str, Any]:
        """A request of the batch that stands for it, under its own custom_id or another one.

        Where its line has no body of chat completions, it is shown as the line stands.
        """
        line, alias = self.line(one), {} if name == one.row["custom_id"] else {"as": one.row["custom_id"]}
        place = {"shard": one.receipt.shard, "at": one.row["at"], **alias}
        request = {"custom_id": name, "body": orjson.loads(line).get("body"), "sent": place}
        if schemas.is_valid("request")(request):
            return request
        said, about = [{"role": "user", "content": line.decode()}], one.row["made"]
        model = one.receipt.model or about["model"]
        return request | {"body": {"model": model, "messages": said, "max_tokens": about["max_tokens"]}}

    def _all(self, key: str) -> Iterator[Stored]:
        """The rows of a source, the oldest first."""
        for place in self._places.get(identity(key.encode()), ()):
            receipt = self._receipts[place >> SHIFT]
            line = self._files.line(self._ledger.made(receipt), place & (1 << SHIFT) - 1)
            yield Stored(receipt, self._parsed(line, receipt))

    def _rows(self, receipt: Receipt) -> Iterator[tuple[int, dict[str, Any]]]:
        at = 0
        with self._ledger.made(receipt).open("rb", buffering=BUFFER) as stream:
            for line in stream:
                yield at, self._parsed(line, receipt)
                at += len(line)

    def _parsed(self, line: bytes, receipt: Receipt) -> dict[str, Any]:
        try:
            row = orjson.loads(line)
        except ValueError:
            raise damaged(self._ledger.made(receipt)) from None
        if not schemas.is_valid("made")(row):
            raise damaged(self._ledger.made(receipt))
        return row


def _asks_alone(prompt: Prompt, source: str) -> bool:
    """Whether the prompt asks the same of every transcript of this source: it sees no id, and of a file no name."""
    return prompt.fill.names <= ALONE if source.startswith("file:") else "id" not in prompt.fill.names

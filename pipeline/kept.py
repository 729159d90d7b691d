"""Requests that stay as they were sent: found by what they were made from, not by what code would make of it now.

made/<shard>.jsonl has a row for each line of a shard, in its order: that of index.jsonl when it was sent, with
`at`, the byte at which the line begins. One that combines answers is in no index; its row has "combines".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, BinaryIO

import orjson

import schemas
from pipeline import custom_id
from pipeline.errors import DamagedError
from pipeline.files import BUFFER
from pipeline.ledger import Ledger, Receipt, identity
from pipeline.made import Made, made, reading, source
from pipeline.prompt import MAX_TOKENS, Prompt
from pipeline.prompts import Prompts

SHIFT = 48  # bits for a place in a file
ALONE = {"text", "timed"}  # a prompt that sees no more of a file asks the same of another with its bytes


def combining(name: str, prompts: Prompts) -> dict[str, Any]:
    """The row of a request that combines answers to parts, by its custom_id."""
    prompt = prompts.of(name)
    about = {"custom_id": name, "whole": custom_id.whole(name), "prompt": prompt.name or None, "part": None}
    return {**about, "combines": True, "made": asdict(made(prompt))}


def as_before(prompt: Prompt, ledger: Ledger) -> Prompt:
    """The prompt, where nobody says a model, with the one that it was sent to in this run, or else the others."""
    sent = [receipt for receipt in ledger if not receipt.unstarted and receipt.model]
    used = [receipt.model for receipt in sent if receipt.prompt == prompt.name] or [one.model for one in sent]
    stays = "model" in prompt.given or not used or prompt.model in used
    return prompt if stays else replace(prompt, model=used[-1])


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

    @property
    def made(self) -> Made:
        return Made(**self.row["made"])

    @property
    def carried(self) -> dict[str, Any]:
        """The row of the index."""
        return {name: value for name, value in self.row.items() if name != "at"}

    @property
    def place(self) -> dict[str, Any]:
        return {"shard": self.receipt.shard, "at": self.row["at"]}


class Kept:
    """The rows of all shards, by source; those of requests that combine answers by what they are of.

    Memory: a few words per request.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._receipts = ledger, [one for one in ledger if ledger.made(one).exists()]
        self._open: tuple[str, BinaryIO] | None = None  # the rows that were looked into last
        self._places: dict[bytes, list[int]] = {}
        self._read = False  # whether some are known by what was read alone
        for number, receipt in enumerate(self._receipts):
            for at, row in self._rows(receipt):
                sources = row["whole"] if "combines" in row else row["made"]["source"]
                self._read = self._read or "read:" in sources
                for key in sources.split():
                    self._places.setdefault(identity(key.encode()), []).append((number << SHIFT) + at)

    def find(self, transcript: Mapping[str, Any], ask: Made, prompt: Prompt) -> list[Stored]:
        """The requests that were made of this transcript's source and prompt, cut as when they were sent.

        None if nothing of it was sent. Of what was sent more than once its own counts before that of a transcript
        that only asks the same, then the newest.
        """
        keys = [source(transcript), *([reading(transcript)] if self._read else [])]
        alike = [one for key in keys for one in self._all(key) if one.made.asks(ask, prompt.given)]
        own = [one for one in alike if one.row["id"] == transcript["id"]]
        twins = alike if _asks_alone(prompt, keys[0]) else []
        if not any(not one.receipt.unstarted for one in own or twins):
            return []
        latest = max(own or twins, key=lambda one: one.receipt.number)
        others = [one for one in own or twins if one.row["whole"] == latest.row["whole"]]
        newest = {one.part: one for one in others if one.part[0] == latest.part[0]}
        return [newest[part] for part in sorted(newest)] if len(newest) == max(latest.part[0], 1) else []

    def combined(self, whole: str, ask: Made, prompt: Prompt, newest: int) -> list[Stored]:
        """The requests that combined answers to parts, the last one last; `newest` is the last shard with a part.

        None if the last was not sent, is asked otherwise now, or is older than a part.
        """
        rounds = {one.row["custom_id"]: one for one in self._all(whole) if not one.receipt.unstarted}
        last = rounds.pop(whole, None)
        fresh = last and last.receipt.number > newest and last.made.asks(ask, prompt.given)
        return [*rounds.values(), last] if fresh else []

    def line(self, one: Stored) -> bytes:
        """The line as it was sent."""
        return self._ledger.at(**one.place)

    def request(self, one: Stored, name: str) -> dict[str, Any]:
        """A request of the batch that stands for it, under its own custom_id or another one.

        Where its line has no body of chat completions, it is shown as the line stands.
        """
        line, alias = self.line(one), {} if name == one.row["custom_id"] else {"as": one.row["custom_id"]}
        request = {"custom_id": name, "body": orjson.loads(line).get("body"), "sent": one.place | alias}
        if schemas.is_valid("request")(request):
            return request
        said, most = [{"role": "user", "content": line.decode()}], one.made.max_tokens or MAX_TOKENS
        return request | {"body": {"model": one.made.model, "messages": said, "max_tokens": most}}

    def _all(self, key: str) -> Iterator[Stored]:
        """The rows of a source, the oldest first."""
        for place in self._places.get(identity(key.encode()), ()):
            receipt = self._receipts[place >> SHIFT]
            if self._open is None or self._open[0] != receipt.shard:
                self._open = receipt.shard, self._ledger.made(receipt).open("rb")
            self._open[1].seek(place & (1 << SHIFT) - 1)
            yield Stored(receipt, self._parsed(self._open[1].readline(), receipt))

    def _rows(self, receipt: Receipt) -> Iterator[tuple[int, dict[str, Any]]]:
        at = 0
        with self._ledger.made(receipt).open("rb", buffering=BUFFER) as stream:
            for line in stream:
                yield at, self._parsed(line, receipt)
                at += len(line)

    def _parsed(self, line: bytes, receipt: Receipt) -> dict[str, Any]:
        try:
            return orjson.loads(line)
        except ValueError:
            path = self._ledger.made(receipt)
            raise DamagedError(f"{path} is damaged; restore it, or remove it: it is made again") from None


def _asks_alone(prompt: Prompt, source: str) -> bool:
    """Whether the prompt asks the same of every transcript of this source: it sees no id, and of a file no name."""
    return prompt.fill.names <= ALONE if source.startswith("file:") else "id" not in prompt.fill.names

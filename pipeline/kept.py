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
from pipeline.made import Made, made
from pipeline.prompt import MAX_TOKENS, Prompt
from pipeline.prompts import Prompts

SHIFT = 48  # bits for a place in a file


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
    def number(self) -> int:
        """Of its part; 0 if it is no part."""
        return self.row["part"]["number"] if self.row["part"] else 0

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
    """The rows of all shards. Memory: a few words per request."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._receipts = ledger, [one for one in ledger if ledger.made(one).exists()]
        self._open: tuple[str, BinaryIO] | None = None  # the rows that were looked into last
        self._places: dict[bytes, list[int]] = {}
        for number, receipt in enumerate(self._receipts):
            for at, found in self._rows(receipt):
                key = found["whole"] if "combines" in found else _key(found["id"], custom_id.prompt(found["whole"]))
                self._places.setdefault(identity(key.encode()), []).append((number << SHIFT) + at)

    def find(self, id: str, suffix: str, ask: Made, origin: Mapping[str, str], prompt: Prompt) -> list[Stored]:
        """The requests of one transcript and prompt that were made from the same, cut as when they were sent.

        `suffix` is what the prompt has in their custom_id. None if nothing of it was sent. Of what was sent more
        than once the newest counts.
        """
        every = list(self._all(_key(id, suffix)))
        now = replace(ask, **origin) if every else ask
        alike = [one for one in every if one.made.same(now, prompt.given)]
        if not any(not one.receipt.unstarted for one in alike):
            return []
        of = (alike[-1].row["part"] or {}).get("of", 0)
        newest = {one.number: one for one in alike if (one.row["part"] or {}).get("of", 0) == of}
        return [newest[number] for number in sorted(newest)] if len(newest) == max(of, 1) else []

    def combined(self, id: str, whole: str, now: Made, prompt: Prompt) -> list[Stored]:
        """The requests that combined the answers to the parts of a transcript, the last one last.

        None if the last was not sent, or is asked otherwise now, or if a part was sent again after it.
        """
        rounds = {one.row["custom_id"]: one for one in self._all(whole) if not one.receipt.unstarted}
        last = rounds.pop(whole, None)
        parts = [one for one in self._all(_key(id, custom_id.prompt(whole))) if not one.receipt.unstarted]
        if last is None or not last.made.same(now, prompt.given):
            return []
        fresh = all(last.receipt.number > part.receipt.number for part in parts)
        return [*rounds.values(), last] if fresh else []

    def line(self, one: Stored) -> bytes:
        """The line as it was sent."""
        return self._ledger.at(**one.place)

    def request(self, one: Stored) -> dict[str, Any]:
        """A request of the batch that stands for it. Where its line has no body of chat completions, it is shown as
        the line stands."""
        line = self.line(one)
        request = {"custom_id": one.row["custom_id"], "body": orjson.loads(line).get("body"), "sent": one.place}
        if schemas.is_valid("request")(request):
            return request
        said, most = [{"role": "user", "content": line.decode()}], one.made.max_tokens or MAX_TOKENS
        return request | {"body": {"model": one.made.model, "messages": said, "max_tokens": most}}

    def _all(self, key: str) -> Iterator[Stored]:
        """The rows of a transcript and prompt, the oldest first."""
        for place in self._places.get(identity(key.encode()), ()):
            receipt = self._receipts[place >> SHIFT]
            if self._open is None or self._open[0] != receipt.shard:
                self._open = receipt.shard, self._ledger.made(receipt).open("rb")
            self._open[1].seek(place & (1 << SHIFT) - 1)
            yield Stored(receipt, self._read(self._open[1].readline(), receipt))

    def _rows(self, receipt: Receipt) -> Iterator[tuple[int, dict[str, Any]]]:
        at = 0
        with self._ledger.made(receipt).open("rb", buffering=BUFFER) as stream:
            for line in stream:
                yield at, self._read(line, receipt)
                at += len(line)

    def _read(self, line: bytes, receipt: Receipt) -> dict[str, Any]:
        try:
            return orjson.loads(line)
        except ValueError:
            raise DamagedError(
                f"{self._ledger.made(receipt)} is damaged; restore it, or remove it: it is made again"
            ) from None


def _key(id: str, suffix: str) -> str:
    return f"{id}\n{suffix}"  # no id has a line break

"""Lines that were sent, by their rows of index.jsonl: what a batch asked, though other code encodes it now."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path

import orjson

from pipeline.base.atomic_files import BUFFER
from pipeline.batch.remembered_settings import code, stamped
from pipeline.batch.request_line import identity
from pipeline.errors import DamagedError
from pipeline.jobs.ledger import Ledger
from pipeline.provider import Provider

PLACE = re.compile(rb',"at":\d+,"line":"\w+"}\n?\Z')  # what a row of made/ has besides that of the index


def without_place(made: bytes) -> bytes:
    """The row of the index that a row of made/ was."""
    return PLACE.sub(b"}", made)


class SentRows:
    """Of shards that were started, for a batch that other code made: of the same code, a request that is not the
    one that was sent was changed. Memory: a few words per request, once one is looked for."""

    def __init__(self, ledger: Ledger, provider: Provider) -> None:
        self._ledger, self._provider = ledger, provider

    def line(self, row: bytes) -> bytes | None:
        """The line that was sent for the request with this row; None if none was."""
        place = self._places.get(identity(row.rstrip(b"\n"))) if row else None
        return self._ledger.at(*place) if place else None

    @cached_property
    def _places(self) -> dict[bytes, tuple[str, int]]:
        found, begun = {}, [receipt for receipt in self._ledger if receipt.begun]
        for receipt in begun if begun and self._by_other_code() else ():
            path = self._ledger.made(receipt)
            if path.exists():
                with path.open("rb", buffering=BUFFER) as stream:
                    for line in stream:
                        found[identity(without_place(line))] = receipt.shard, _at(line, path)
        return found

    def _by_other_code(self) -> bool:
        made_by = stamped(self._ledger.ws.settings).get("code")
        return bool(made_by) and made_by != code(self._provider)


def _at(line: bytes, path: Path) -> int:
    try:
        return orjson.loads(line)["at"]
    except (ValueError, KeyError, TypeError):
        raise damaged(path) from None


def damaged(path: Path) -> DamagedError:
    return DamagedError(f"{path} does not belong to its shard; restore it, or remove it and lose what it knew")

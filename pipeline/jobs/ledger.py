"""The ledger: one receipt for each shard, and which requests they hold.

A request is known by the hash of the line that was sent; nothing else is stored twice. A receipt is
replaced whole before and after every remote effect, and never deleted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.base.atomic_files import BUFFER, sha256, write_json
from pipeline.base.lines import Places
from pipeline.base.workspace import Workspace
from pipeline.errors import DamagedError
from pipeline.jobs.corrections import Corrections
from pipeline.jobs.receipt import VERSION, Receipt, read_receipt
from pipeline.provider import Shard


class Ledger:
    """The receipts of one workspace, in the order of their numbers."""

    def __init__(self, ws: Workspace) -> None:
        self.ws = ws
        self.receipts = {path.stem: read_receipt(path) for path in sorted(ws.jobs.glob("[0-9]*.json"))}
        self._places = Places()

    def __iter__(self) -> Iterator[Receipt]:
        return iter([receipt for receipt in self.receipts.values() if not receipt.dropped])

    def paid(self) -> list[Receipt]:
        """What may have cost something: a dropped shard too, if a start of it was lost."""
        return [one for one in self.receipts.values() if not one.dropped or (one.own_lost and one.doubtful)]

    def save(self, receipt: Receipt, **changes: Any) -> Receipt:
        """Replace the receipt on disk with its changes, durably; returns the new one."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        receipt = replace(receipt, **changes, updated=now, version=VERSION)
        write_json(self.ws.jobs / f"{receipt.shard}.json", asdict(receipt))
        self.receipts[receipt.shard] = receipt
        return receipt

    @cached_property
    def corrections(self) -> Corrections:
        """What of the batch is asked under another body."""
        return Corrections(self.ws, self.at)

    def job_ids(self) -> set[str]:
        """Ids of all jobs that this ledger knows, second jobs that were cancelled among them."""
        ours = {receipt.ref["id"] for receipt in self if receipt.ref}
        return ours.union(*(receipt.duplicates for receipt in self))

    def next_number(self) -> int:
        return max((receipt.number for receipt in self.receipts.values()), default=0) + 1

    def shard(self, receipt: Receipt) -> Shard:
        path = self.ws.shards / f"{receipt.shard}.jsonl"
        return Shard(receipt.shard, path, receipt.requests, receipt.bytes, receipt.sha256, receipt.model)

    def output(self, receipt: Receipt) -> Path:
        return self.ws.outputs / f"{receipt.shard}.jsonl"

    def made(self, receipt: Receipt) -> Path:
        """What its lines were made from: a row for each."""
        return self.ws.made / f"{receipt.shard}.jsonl"

    def at(self, shard: str, at: int) -> bytes:
        """The line that begins at this byte of a shard. Raises DamagedError if the shard is gone."""
        path = self.ws.shards / f"{shard}.jsonl"
        try:
            return self._places.line(path, at)
        except FileNotFoundError:
            raise DamagedError(f"{path} is missing, and what was sent with it; restore the file") from None

    def lines(self, receipt: Receipt) -> Iterator[bytes]:
        """The lines of the shard as they were sent. Raises DamagedError if they are not."""
        path = self.ws.shards / f"{receipt.shard}.jsonl"
        if not path.exists():
            raise DamagedError(f"{path} is missing, and {receipt.requests} requests with it; restore the file")
        if sha256(path) != receipt.sha256:
            raise DamagedError(f"{path} was changed after it was written; restore the file")
        with path.open("rb", buffering=BUFFER) as stream:
            for line in stream:
                yield line.rstrip(b"\n")

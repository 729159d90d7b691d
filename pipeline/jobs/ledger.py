"""The ledger: one receipt for each shard, and which requests they hold.

A request is known by the hash of the line that was sent; nothing else is stored twice. A receipt is
replaced whole before and after every remote effect, and never deleted.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import orjson

import schemas
from pipeline.base.files import BUFFER, Places, sha256, write_json
from pipeline.base.workspace import Workspace
from pipeline.errors import DamagedError
from pipeline.provider import ENDED, Shard

VERSION = 2  # of a receipt; an older release says that it cannot read a newer one
UNSTARTED = ("planned", "uploaded")
MOST_LOST = 2  # starts of a shard, in its whole life, of which no job is known; more are for a person to say


class Kind(NamedTuple):
    """What all requests of a shard share: the model, and the name of the prompt ("" if it has none)."""

    model: str
    prompt: str = ""


@dataclass(frozen=True)
class Receipt:
    """The fields of schemas/receipt.schema.json."""

    shard: str
    provider: str
    requests: int
    bytes: int
    sha256: str
    model: str = ""  # "" in a receipt of an older version
    prompt: str = ""
    state: str = "planned"
    handle: dict[str, Any] | None = None
    known: list[str] = field(default_factory=list)
    intent: float | None = None
    doubtful: bool = False
    lost: int = 0
    ref: dict[str, Any] | None = None
    raw: str | None = None
    done: int | None = None
    error: str | None = None
    ended: float | None = None
    output: dict[str, Any] | None = None
    tokens: dict[str, int] | None = None
    usage: dict[str, Any] | None = None
    duplicates: list[str] = field(default_factory=list)
    updated: str = ""
    version: int = VERSION

    @property
    def kind(self) -> Kind:
        return Kind(self.model, self.prompt)

    @property
    def number(self) -> int:
        return int(self.shard.partition("-")[0])

    @property
    def unstarted(self) -> bool:
        """No job of it is known, and none is being looked for. Nothing was paid, unless a start was `lost`."""
        return self.state in UNSTARTED

    @property
    def begun(self) -> bool:
        """A start of it was sent: it may be paid."""
        return not self.unstarted or self.lost > 0

    @property
    def doubted(self) -> bool:
        """So many starts were lost that only a person can say that there is to be another."""
        return self.unstarted and self.lost >= MOST_LOST

    @property
    def dropped(self) -> bool:
        """Cancelled before it was started: it never counts."""
        return self.state == "cancelled" and self.ref is None

    @property
    def settled(self) -> bool:
        """Nothing more will come: dropped, or ended with its output stored."""
        return self.dropped or (self.state in ENDED and self.output is not None)


class Ledger:
    """The receipts of one workspace, in the order of their numbers."""

    def __init__(self, ws: Workspace) -> None:
        self.ws = ws
        self.receipts = {path.stem: _read(path) for path in sorted(ws.jobs.glob("[0-9]*.json"))}
        self._places = Places()

    def __iter__(self) -> Iterator[Receipt]:
        return iter([receipt for receipt in self.receipts.values() if not receipt.dropped])

    def save(self, receipt: Receipt, **changes: Any) -> Receipt:
        """Replace the receipt on disk with its changes, durably; returns the new one."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        receipt = replace(receipt, **changes, updated=now, version=VERSION)
        write_json(self.ws.jobs / f"{receipt.shard}.json", asdict(receipt))
        self.receipts[receipt.shard] = receipt
        return receipt

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


def identity(line: bytes) -> bytes:
    """What a request is known by: 16 bytes of the hash of its line."""
    return hashlib.sha256(line).digest()[:16]


def _lost(record: dict[str, Any]) -> int:
    """Of an older version, which did not count: it looked for the job, started once more, and then gave up."""
    if record.get("ref") or not (record.get("doubtful") or record["state"] == "starting"):
        return 0
    return MOST_LOST if record["state"] in UNSTARTED else 1


def _read(path: Path) -> Receipt:
    try:
        record = orjson.loads(path.read_bytes())
    except ValueError as error:
        raise DamagedError(f"{path}: not JSON: {error}; restore the file") from None
    if isinstance(record, dict) and record.get("version", 1) not in range(1, VERSION + 1):
        raise DamagedError(f"{path}: written by a newer version; upgrade transcript-batch")
    if why := next(schemas.faults("receipt", record), None):
        raise DamagedError(f"{path}: {why}; restore the file")
    record.setdefault("lost", _lost(record))
    return Receipt(**record)

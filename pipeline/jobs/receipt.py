"""The receipt of a shard: what is known of it, and of its job."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

import schemas
from pipeline.batch.request_kind import Kind
from pipeline.errors import DamagedError
from pipeline.provider import ENDED

VERSION = 5  # of a receipt; an older release says that it cannot read a newer one


UNSTARTED = ("planned", "uploaded")


MOST_LOST = 2  # starts of a shard, in its whole life, of which no job is known; more are for a person to say


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
    account: dict[str, str] | None = None  # None too in a receipt of an older version
    doubtful: bool = False
    lost: int = 0
    carried: int = 0
    ref: dict[str, Any] | None = None
    raw: str | None = None
    done: int | None = None
    error: str | None = None
    ended: float | None = None
    output: dict[str, Any] | None = None
    tokens: dict[str, int] | None = None
    usage: dict[str, Any] | None = None
    duplicates: list[str] = field(default_factory=list)
    unproved: bool = False
    cancelling: bool = False
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
        return not self.unstarted or self.in_doubt

    @property
    def own_lost(self) -> int:
        """Those that are of this shard, at its price."""
        return max(self.lost - self.carried, 0)

    @property
    def in_doubt(self) -> bool:
        """No job of it is known, and a start of it was lost: it may be paid."""
        return self.unstarted and self.lost > 0

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


def _lost(record: dict[str, Any]) -> int:
    """Of an older version, which did not count: it looked for the job, started once more, and then gave up."""
    if record.get("ref") or not (record.get("doubtful") or record["state"] == "starting"):
        return 0
    return MOST_LOST if record["state"] in UNSTARTED else 1


def read_receipt(path: Path) -> Receipt:
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

"""The values that the pipeline and a provider hand each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENDED = ("completed", "failed", "expired", "cancelled")


@dataclass(frozen=True)
class Limits:
    """What one shard may hold, and how often to ask. None: the service is not known to have that limit.

    A service that takes no small shards says so in `min_requests`. `max_enqueued_tokens` and `max_jobs` bound what
    waits there at one time: prompt tokens of one model, and jobs.

    `context` is the model's window: tokens of a prompt and its answer together.
    """

    max_requests: int | None = None
    max_bytes: int | None = None
    max_line_bytes: int | None = None
    min_requests: int = 1
    max_enqueued_tokens: int | None = None
    max_jobs: int | None = None
    context: int | None = None
    poll: tuple[float, float] = (30.0, 60.0)  # seconds between polls: shortest, longest


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens of a batch; `full_…` are those of a request that is answered at once.

    None: not published, or not known here. A prompt of more than `above[0]` tokens costs `above[1]` for its tokens
    and `above[2]` for those of its answer. Tokens that are written to a cache, or read from it, cost `write` or
    `read` times the price of a prompt's: 1.0 where the service does not say. `source` says where the figures are
    from, and when they were looked up. `bound`: they are those of a request that is answered at once, since no
    batch price is published: a batch costs that at most.
    """

    input: float | None
    output: float | None
    full_input: float | None = None
    full_output: float | None = None
    above: tuple[int, float, float] | None = None
    source: str = ""
    write: float = 1.0
    read: float = 1.0
    bound: bool = False


@dataclass(frozen=True)
class Shard:
    """One file to send: `key` is its name in the ledger, `path` holds one encoded request a line.

    `model` is what all its requests ask, for services that take it with the job and not with each line.
    """

    key: str
    path: Path
    requests: int
    bytes: int
    sha256: str
    model: str = ""


@dataclass(frozen=True)
class Account:
    """Where jobs live, and whose they are: the address for a person to read, and a hash of address and key."""

    url: str
    id: str


@dataclass(frozen=True)
class Found:
    """A job that the service has for an upload. `created` sorts by age within one service.

    `exact` is False where the service cannot tell whose job it is: then the core neither takes it nor pays
    beside it, and names it. `state` is "" for an entry of the list that cannot be read, under an id of its own.
    """

    ref: Mapping[str, Any]
    state: str
    created: str = ""
    exact: bool = True


@dataclass(frozen=True)
class Status:
    """Where a job stands: "running" or one of ENDED; an unknown word of the service is "running"."""

    state: str
    raw: str = ""  # the service's own word
    done: int | None = None  # requests finished, well or not; None: the service does not say
    error: str | None = None  # why the whole job failed
    warning: str | None = None  # shown once per text

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True)
class Download:
    """One file of a job that ended. `size` is the service's own figure in bytes, or None.

    `chunks` is None where the service names the file and does not have it. `lines` is how many the service
    says that there are, or None.
    """

    name: str
    size: int | None
    chunks: Iterable[bytes] | None
    lines: int | None = None


@dataclass(frozen=True)
class Result:
    """One line of output, decoded. `ok` means there is an answer in `text`; else `error` says why not.

    The core parses a structured answer: then `answer` has it, or the outcome is "invalid" and `text` what came.
    """

    custom_id: str | None
    ok: bool
    text: str | None = None
    error: Mapping[str, Any] | None = None  # {"message": str, "code": str | None}
    finish_reason: str | None = None
    model: str | None = None
    usage: Mapping[str, Any] | None = None
    reasoning: str | None = None  # what the model thought before it answered; no part of `text`
    outcome: str = "error"  # what it is if not ok: also "expired" or "cancelled", where the row says so
    answer: Any = None

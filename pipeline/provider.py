"""The contract between the pipeline and a provider plugin.

The core owns sharding, the ledger, retries, waiting, storage and merging. A plugin owns the wire, and
nothing else. Handles and refs are the plugin's own: JSON objects without secrets, enough to go on from
another machine; a ref has its job's id under `"id"`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from pipeline.errors import Rejected

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
class Found:
    """A job that the service has for an upload. `created` sorts by age within one service.

    `exact` is False where the service cannot tell whose job it is: then the core neither takes it nor pays
    beside it, and names it.
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


class Provider(ABC):
    """A batch service. Methods that speak to it raise Rejected, Busy or (only `start`) Ambiguous."""

    name: str
    about: str = ""  # what it is, in a few words
    keys: tuple[str, ...] = ()  # environment variables that must be set
    discount: str | None = None  # what batch costs: "50 % less", as the service publishes it; None: not known
    tag: str = "file id"  # by what a job is found again whose start was not answered; "" if by nothing certain
    id_field: str = "custom_id"  # where a line made by `encode` has its id
    bills_failed: bool | None = None  # whether a request without an answer costs; None: the service does not say
    cache: tuple[float, float] | None = None  # a Price's write and read, where prefixes are kept if marked
    default_model: str | None = None
    own_model: bool = False  # it answers with a model of its own, which MODEL does not choose
    caveat: str = ""  # one sentence, shown wherever this provider's answers are

    # -- pure: no network, no files -------------------------------------------------------------

    @abstractmethod
    def limits(self, model: str) -> Limits:
        """The limits of one shard for this model."""

    @abstractmethod
    def encode(self, request: Mapping[str, Any]) -> bytes:
        """`{"custom_id", "body"}` as one JSON object without a newline; the same bytes for the same request.

        A request is known by these bytes: two that differ, if only in their model, may not be equal here.
        Raises Unencodable for what the service cannot express.
        """

    @abstractmethod
    def decode(self, line: bytes) -> Result:
        """One stored line of output. Total: any bytes give a Result, never an exception."""

    def custom_id(self, line: bytes) -> str:
        """The custom_id inside a line made by `encode`."""
        return orjson.loads(line)[self.id_field]

    def content(self, line: bytes) -> bytes:
        """A line made by `encode` without its id: equal for requests that ask one model the same."""
        asked = orjson.loads(line)
        asked.pop(self.id_field, None)
        return orjson.dumps(asked)

    def tokens(self, text: str) -> int | None:
        """How many tokens a text has, exactly; None where the model's vocabulary is not at hand."""
        return None

    def price(self, model: str) -> Price | None:
        """What the service asks for this model, where it knows better than the list of published prices."""
        return None

    # -- network, safe to repeat ------------------------------------------------------------------

    def preflight(self, model: str) -> None:  # noqa: B027 (optional: most need nothing)
        """Refuse early, before anything is uploaded: no key, nothing installed. Raises Rejected."""

    @abstractmethod
    def stage(self, shard: Shard) -> dict[str, Any]:
        """Bring the shard to the service; returns the handle. Costs nothing."""

    @abstractmethod
    def find(self, shard: Shard, handle: Mapping[str, Any]) -> list[Found]:
        """All jobs that the service has for this upload, whoever started them. Raises rather than guesses."""

    @abstractmethod
    def poll(self, ref: Mapping[str, Any]) -> Status:
        """Where the job stands."""

    @abstractmethod
    def fetch(self, ref: Mapping[str, Any]) -> Iterator[Download]:
        """The files of a job that ended, however it ended: output first, then errors. Bytes untouched."""

    @abstractmethod
    def cancel(self, ref: Mapping[str, Any]) -> None:
        """Ask the service to end the job early. Finished rows stay paid and can be fetched."""

    def ask(self, line: bytes, model: str) -> bytes:
        """Answer one request (a line made by `encode`) at once, at the full price: a line that `decode` reads.

        ONE request, never retried. Raises Rejected, Busy or Ambiguous as `start` does; Rejected too where the
        service answers in batches only.
        """
        raise Rejected(f"{self.name} answers in batches only; `make submit SAMPLE=3` asks a few")

    # -- network, exactly once --------------------------------------------------------------------

    @abstractmethod
    def start(self, shard: Shard, handle: Mapping[str, Any]) -> dict[str, Any]:
        """Start the job: the only method that may cost money. ONE request, never retried; returns the ref.

        Raises Rejected or Busy only when certainly nothing was created, and Ambiguous otherwise.
        """

"""The contract between the pipeline and a provider plugin.

The core owns sharding, the ledger, retries, waiting, storage and merging. A plugin owns the wire, and
nothing else. Handles and refs are the plugin's own: JSON objects without secrets, enough to go on from
another machine; a ref has its job's id under `"id"`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from pipeline.base.provider_values import ENDED, Account, Download, Found, Limits, Price, Result, Shard, Status
from pipeline.errors import Rejected, Unlisted

__all__ = ["ENDED", "Account", "Download", "Found", "Limits", "Price", "Provider", "Result", "Shard", "Status"]


class Provider(ABC):
    """A batch service. Methods that speak to it raise Rejected, Busy or (only `start`) Ambiguous."""

    name: str
    about: str = ""  # what it is, in a few words
    keys: tuple[str, ...] = ()  # environment variables that must be set
    variables: tuple[str, ...] = ()  # others that it reads, but no secrets: make takes them, a run remembers them
    discount: str | None = None  # what batch costs: "50 % less", as the service publishes it; None: not known
    tag: str = "file id"  # by what a job is found again whose start was not answered; "" if by nothing certain
    lists_all: bool = False  # by its nature, or its word, it lists each job that exists, and at once
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

    def account(self) -> Account | None:
        """Where jobs live that are started now, and whose they are; None if they need no address and no key.

        Raises Rejected if address or key is missing.
        """
        return None

    # -- network, safe to repeat ------------------------------------------------------------------

    def preflight(self, model: str) -> None:  # noqa: B027 (optional: most need nothing)
        """Refuse early, before anything is uploaded: no key, nothing installed. Raises Rejected."""

    @abstractmethod
    def stage(self, shard: Shard) -> dict[str, Any]:
        """Bring the shard to the service; returns the handle. Costs nothing."""

    @abstractmethod
    def find(self, shard: Shard, handle: Mapping[str, Any]) -> list[Found]:
        """All jobs that the service has for this upload, whoever started them; and, not `exact`, each entry of its
        list that may be one. Raises rather than guesses, and Unlisted where it has no list.
        """

    @abstractmethod
    def poll(self, ref: Mapping[str, Any]) -> Status:
        """Where the job stands."""

    @abstractmethod
    def fetch(self, ref: Mapping[str, Any]) -> Iterator[Download]:
        """The files of a job that ended, however it ended: output first, then errors. Bytes untouched."""

    def jobs(self) -> Iterator[Found]:
        """All jobs of the account, whoever started them. Raises Unlisted where there is no list of them."""
        raise Unlisted(f"{self.name} has no list of all jobs")

    def lines(self, ref: Mapping[str, Any]) -> Iterator[Download]:
        """What a job was started with, by a ref that may have its `id` alone; nothing where the service does not
        give it back."""
        return iter(())

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

"""What a batch holds, set against what the ledger paid for.

pending = requests of batch.jsonl and round.jsonl - requests in shards that were started
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.batch.request_kind import Kind
from pipeline.batch.request_line import identity
from pipeline.jobs.already_sent import Sent
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.sent_rows import SentRows
from pipeline.provider import Provider
from pipeline.sending.checked_requests import Sendable
from pipeline.sending.same_question import Key
from pipeline.sending.sample import Groups, chosen

NAMED = 3  # custom_ids that a message names
KNOWN = 100_000  # custom_ids of pending requests that may be named: for people a few are enough
SHIFT = 48  # bits of a place


@dataclass
class Pending:
    """What is to be sent.

    `places` are those of the requests that no job has, by key, each with the number of its kind above it; `changed`
    the custom_ids of those among them that were sent with another body, and `combining` the keys of those that
    combine answers which came. `shared` counts requests that are answered by another one's, `twins` are a few of
    them, with that one ("" if it was sent before). `unsent` counts requests outside of the sample, `otherwise`
    those of them that were sent with another body; `sampled` are the stems of the transcripts in the sample.
    `corrected` are custom_ids of those that are sent under another body.
    """

    kinds: dict[Kind, int]
    total: int = 0
    places: dict[bytes, int] = field(default_factory=dict)
    combining: set[bytes] = field(default_factory=set)
    changed: dict[bytes, str] = field(default_factory=dict)
    shared: int = 0
    twins: list[tuple[str, str]] = field(default_factory=list)
    unsent: int = 0
    otherwise: int = 0
    sampled: set[str] | None = None
    corrected: set[str] = field(default_factory=set)

    @property
    def model(self) -> str:
        """That of the first request."""
        return next(iter(self.kinds)).model

    def by_kind(self, keys: Iterable[bytes]) -> dict[Kind, list[int]]:
        """The places of these keys, by model and prompt, in the order of the batch."""
        there, known, kinds = set(keys), list(self.kinds), defaultdict(list)
        for asked, place in self.places.items():
            if asked in there:
                kinds[known[place >> SHIFT]].append(place & (1 << SHIFT) - 1)
        return kinds

    def share(self, name: str, twin: str) -> None:
        """One more request that asks what another one does."""
        self.shared += 1
        if len(self.twins) < NAMED:
            self.twins.append((name, twin))


class Finder:
    """Finds what is pending, request by request, beside what was sent `before`."""

    def __init__(self, before: Sent, rows: SentRows, kinds: dict[Kind, int]) -> None:
        self.found = Pending(kinds)
        self._before, self._rows = before, rows
        self._candidates: list[tuple[str, bytes]] = []  # that replace what was sent
        self._firsts: dict[bytes, str] = {}  # custom_ids of pending requests, for messages
        self._corrected: dict[bytes, list[str]] = {}
        self._once_more: set[bytes] = set()

    def has(self, one: Sendable) -> bool:
        """Whether the next request of the batch was sent before."""
        self.found.total += 1
        return self._line(one) is not None

    def _line(self, one: Sendable) -> bytes | None:
        """As it was sent; None if it was not."""
        name = one.request["custom_id"]
        for line in (one.line, one.original):
            if line and self._before.has(line, name):
                return line
        sent = self._rows.line(one.row)  # in the words of other code
        return sent if sent is not None and self._before.has(sent, name) else None

    def failed(self, ledger: Ledger, of: Key) -> set[bytes]:
        """The keys of what was sent and has no answer, so that RETRY sends it again."""
        tried, models = self._before.tried, {}
        for receipt in ledger if tried else ():
            models |= {line: receipt.model for line in ledger.lines(receipt) if identity(line) in tried}
        return {of(line, model) for line, model in models.items()}

    def mended(self, one: Sendable, provider: Provider) -> bool:
        """Whether one that was not sent is another form of one that was, and has no answer."""
        name = provider.custom_id(one.original or one.line)
        return name in self._before.failed and name not in self._before.names

    def replaces(self, one: Sendable, provider: Provider) -> bool:
        """Whether one that was not sent takes the place of one that was."""
        before = one.original or one.line
        return self._before.otherwise(before, one.request["custom_id"], provider.custom_id(before), one.later)

    def ended(self, one: Sendable, asked: bytes) -> bool:
        """Whether it was sent and its job has ended: then it can be sent once more."""
        line = self._line(one)
        ended = line is not None and self._before.lines[identity(line)] in self._before.ended
        if ended:
            self._once_more.add(asked)
        return ended

    def add(self, one: Sendable, kind: int, asked: bytes, provider: Provider) -> None:
        """One that was not."""
        found, name = self.found, one.request["custom_id"]
        if one.later:
            found.combining.add(asked)
        if self.replaces(one, provider):
            self._candidates.append((name, asked))
        if one.original:
            self._corrected.setdefault(asked, []).append(name)
        if asked in found.places:
            return found.share(name, self._firsts.get(asked, ""))
        found.places[asked] = (kind << SHIFT) + one.place
        if len(self._firsts) < KNOWN:
            self._firsts[asked] = name

    def paid(self, ledger: Ledger, provider: Provider, of: Key) -> None:
        """What a request of another custom_id was sent for is paid already."""
        for receipt in ledger if self.found.places else ():
            for line in () if receipt.unstarted else ledger.lines(receipt):
                asked = of(line, receipt.model) if identity(line) in self._before.lines else b""
                if asked not in self._once_more and self.found.places.pop(asked, None):
                    self.found.share("", provider.custom_id(line))

    def sample(self, groups: Groups, sent: set[str], count: int) -> None:
        """Keep what is in the sample; of the transcripts `sent` something was."""
        found = self.found
        inside, found.sampled = chosen(groups, sent, count)
        outside = found.places.keys() - inside
        found.unsent += len(outside)
        self._corrected = {asked: names for asked, names in self._corrected.items() if asked not in outside}
        found.places = {asked: place for asked, place in found.places.items() if asked in inside}

    def end(self) -> Pending:
        found = self.found
        found.changed = {asked: name for name, asked in self._candidates if asked in found.places}
        found.combining &= found.places.keys()
        found.corrected = {name for names in self._corrected.values() for name in names}
        return found

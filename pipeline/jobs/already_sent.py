"""What the ledger says was sent; and whether a request that was not is another form of what was."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from pipeline.batch.custom_id import prompt, transcript, whole
from pipeline.batch.request_line import identity
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.outputs import Reader, answered
from pipeline.provider import Provider


@dataclass
class Sent:
    """Requests that were started, each with the number of its shard: by identity, and by custom_id as sent.

    `tried` are those that RETRY sends again, and `failed` the custom_ids of those without any answer. `newest` are
    the last shards of the transcripts of which something that is asked now was sent. `ended` are shards of which
    nothing more will come, below `until`.
    """

    lines: dict[bytes, int] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    tried: set[bytes] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    newest: dict[str, int] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    prompts: list[str] = field(default_factory=list)  # of each shard

    def has(self, line: bytes, name: str) -> bool:
        """Whether a request that is asked now was sent."""
        if (shard := self.lines.get(identity(line))) is None:
            return False
        self.newest[whole(name)] = max(self.newest.get(whole(name), shard), shard)
        return True

    def otherwise(self, line: bytes, name: str, known: str, later: bool) -> bool:
        """Whether one that was not sent replaces one that was: its custom_id was sent (`known`, as it is sent) with
        another body, or its transcript was, cut differently.

        A `later` round may combine answers that are newer than the last one that did.
        """
        if identity(line) in self.tried:
            return False
        before = self.names.get(transcript(name))  # by the same prompt, when the batch had no other
        if known not in self.names and before is not None and self.prompts[before] == prompt(name) != "":
            return whole(name) == name
        if known not in self.names:
            return whole(name) in self._wholes and whole(name) not in self.newest
        return not (later and self.newest.get(whole(name), -1) > self.names[known])

    @cached_property
    def _wholes(self) -> set[str]:
        return set(map(whole, self.names))


def sent(ledger: Ledger, provider: Provider, retry: bool, until: int | None = None) -> Sent:
    """All requests that were started.

    With `retry`, less those that failed in shards below the number `until`: they are `tried`. Of one whose answer
    was not valid the custom_id stays, since under another schema it is another request, and paid.
    """
    found, reader = Sent(prompts=[receipt.prompt for receipt in ledger]), Reader(ledger.ws, provider)
    for number, receipt in enumerate(ledger):
        if receipt.unstarted:
            continue
        ended = receipt.settled and (until is None or receipt.number < until)
        found.ended |= {number} if ended else set()
        again = retry and ended
        valid, invalid = answered(ledger, receipt, reader) if again else (set(), set())
        for line in ledger.lines(receipt):
            name = provider.custom_id(line)
            if not again or name in valid:
                found.lines[identity(line)] = found.names[name] = number
                continue
            found.tried.add(identity(line))
            if name in invalid:
                found.names[name] = number
            else:
                found.failed.add(name)
    return found

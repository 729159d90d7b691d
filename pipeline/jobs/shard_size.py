"""How much goes into one shard: what the service takes, and no more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from operator import add

from pipeline.errors import InputError
from pipeline.jobs.token_counts import Counted
from pipeline.provider import Limits


class Cutter:
    """Puts as many lines into a shard as the limits allow, in their order."""

    def __init__(self, limits: Limits) -> None:
        self._most = (limits.max_requests, limits.max_bytes, limits.max_enqueued_tokens)
        self._filled, self.shard = (0, 0, 0), 0

    def number(self, one: Counted) -> int:
        """The shard that the next line goes into, from 0."""
        more = (1, len(one.line) + 1, one.most)
        after = tuple(map(add, self._filled, more))
        if self._filled[0] and any(map(_over, after, self._most)):
            self.shard, after = self.shard + 1, more
        self._filled = after
        return self.shard


def split(lines: Iterable[Counted], limits: Limits) -> Iterator[tuple[int, Counted]]:
    """Each line with the number of its shard."""
    cutter = Cutter(limits)
    for one in lines:
        yield cutter.number(one), one


def level(limits: Limits, count: int, provider: str) -> Limits:
    """Limits under which no shard of `count` requests is too small. Raises InputError if all are too few."""
    least, most = limits.min_requests, limits.max_requests or count
    if count < least:
        raise InputError(
            f"{provider} takes no batch of less than {least} requests, and {count} are pending; none was sent"
        )
    return replace(limits, max_requests=-(-count // -(-count // most))) if least > 1 else limits


def fits(line: bytes, limits: Limits) -> str | None:
    """Why a line can be in no shard of this service, or None."""
    most = min(filter(None, (limits.max_line_bytes, limits.max_bytes)), default=None)
    if most and len(line) + 1 > most:
        return f"the request has {len(line) / 1e6:.1f} MB, a line may have {most / 1e6:g} MB"
    return None


def _over(value: int, most: int | None) -> bool:
    return most is not None and value > most

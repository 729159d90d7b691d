"""What a person asks of `submit`: which requests, and the bounds of money and queue."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pipeline.provider import Limits, Provider
from pipeline.sending.correct import Correction


@dataclass(frozen=True)
class Bounds:
    """BUDGET in US dollars; QUEUE_TOKENS and QUEUE_JOBS, an account's own quotas. None: not given."""

    budget: float | None = None
    queue_tokens: int | None = None
    queue_jobs: int | None = None

    def limits(self, provider: Provider, model: str) -> Limits:
        """The provider's limits, with the account's own quotas in place of the published ones."""
        limits = provider.limits(model)
        return replace(
            limits,
            max_enqueued_tokens=self.queue_tokens or limits.max_enqueued_tokens,
            max_jobs=self.queue_jobs or limits.max_jobs,
        )


@dataclass(frozen=True)
class Asked:
    """The variables of these names.

    `retry` is about shards with a number below `until`: what failed before the command began. None: all. So is
    `replace` with `ids`: what was answered by then is sent once more.
    """

    retry: bool = False
    replace: bool = False
    adopt: bool = False
    each: bool = False
    sample: int = 0
    partial: bool = False
    bounds: Bounds = field(default_factory=Bounds)
    until: int | None = None
    confirm: float | None = None  # US dollars; more than that wants a word. None: nobody is asked
    yes: bool = False
    again: str = ""
    repeat: bool = True  # a start that was lost, on proof
    account: str = ""
    correction: Correction | None = None  # with `retry` alone
    ids: frozenset[str] = frozenset()  # transcripts or custom_ids: of these alone; none: of all


NOTHING = Asked()

"""What a person gave to one command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipeline.base.workspace import Workspace
from pipeline.cli.main import say

if TYPE_CHECKING:
    from pipeline.jobs.start_context import Starter
    from pipeline.jobs.wait import Watch
    from pipeline.money.tariff import Tariff
    from pipeline.provider import Provider
    from pipeline.sending.submit_options import Asked


@dataclass(frozen=True)
class Given:
    """`given.MODEL` is the value of a variable; and what follows from several is made when it is asked for."""

    values: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None

    @cached_property
    def ws(self) -> Workspace:
        return Workspace.of(self.RUN, self.PROVIDER)

    @cached_property
    def plugin(self) -> Provider:
        from pipeline.plugins import find

        return find.provider(self.PROVIDER)

    @cached_property
    def tariff(self) -> Tariff:
        from pipeline.money.tariff import Tariff

        return Tariff(self.plugin, self.PRICE_IN, self.PRICE_OUT)

    @cached_property
    def asked(self) -> Asked:
        from pipeline.sending.submit_options import Asked, Bounds

        bounds = Bounds(self.BUDGET, self.QUEUE_TOKENS, self.QUEUE_JOBS)
        adopt, partial = (self.values.get(name, False) for name in ("ADOPT", "PARTIAL"))
        return Asked(self.RETRY, self.REPLACE, adopt, self.EACH, self.SAMPLE or 0, partial, bounds)

    def watch(self, **how: Any) -> Watch:
        """A view of the jobs; `how` says more of it."""
        from pipeline.base.clock import Clock
        from pipeline.jobs.wait import Watch

        how = {"say": say, **how}
        return Watch(self.ws, self.plugin, Clock(), settle=self.SETTLE, poll=self.POLL, tariff=self.tariff, **how)

    def starter(self) -> Starter:
        from pipeline.base.clock import Clock
        from pipeline.jobs.ledger import Ledger
        from pipeline.jobs.start_context import Starter

        return Starter(Ledger(self.ws), self.plugin, Clock(), say, self.SETTLE)

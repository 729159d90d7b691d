"""What counts for one command: what a person typed, else what the run was made with, else the default."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipeline.base.workspace import Workspace
from pipeline.cli.chosen_ids import ids
from pipeline.cli.from_make import AS_MADE, corrects, goals, reads_only
from pipeline.cli.main import say
from pipeline.cli.options import CORRECTING, KEPT, TABLE, nothing

if TYPE_CHECKING:
    from pipeline.batch.run_yaml import Section
    from pipeline.jobs.start_context import Starter
    from pipeline.jobs.wait import Watch
    from pipeline.money.tariff import Tariff
    from pipeline.provider import Provider
    from pipeline.sending.correct import Correction
    from pipeline.sending.submit_options import Asked

YIELDING = ("MODEL", "MAX_TOKENS", "CONTEXT", "OVERLAP")  # defaults that a prompt, or its model, comes before


@dataclass(frozen=True)
class Given:
    """`given.MODEL` is the value that counts: as `typed`, else the run's, else of `local.mk`, else the default.

    What follows from several values is made when it is asked for.
    """

    values: Mapping[str, Any]
    typed: frozenset[str] = frozenset()
    local: frozenset[str] = frozenset()

    def __getattr__(self, name: str) -> Any:
        if name not in self.values:
            raise AttributeError(name)
        typed = self.chosen(name) and not (name in KEPT and self.as_it_is)
        own = None if typed or name not in TABLE else self.own
        if own and name in own.variables:
            return own.variables[name]
        if own and own.made and name in KEPT:  # local.mk has no say in a run that was made
            return own.defaults.get(name, nothing(name)) if name not in YIELDING else nothing(name)
        return self.values[name]

    @cached_property
    def PROVIDER(self) -> str:
        from pipeline.batch.run_yaml import current

        ws = Workspace.of(self.values["RUN"], self.values["PROVIDER"])
        return ws.provider if "PROVIDER" in self.typed else current(ws) or ws.provider

    @cached_property
    def ws(self) -> Workspace:
        return Workspace.of(self.values["RUN"], self.PROVIDER)

    @cached_property
    def plugin(self) -> Provider:
        """With the variables of its own as the run has them."""
        from pipeline.cli.server import as_remembered
        from pipeline.plugins import find

        plugin = find.provider(self.PROVIDER)
        as_remembered(plugin, self._section(plugin), self.ws)
        return plugin

    @cached_property
    def own(self) -> Section | None:
        """What the run was made with at this provider, less what the typed variables put an end to."""
        if not self._remembers:
            return None
        section = self._section(self.plugin) or self._elsewhere
        if section is None or reads_only():
            return section
        gone = {"PROMPTS"} if "PROMPT" in self.typed else {"PROMPT"} if "PROMPTS" in self.typed else set()
        now, before = (values.get("TRANSCRIPTS", "").split() for values in (self.values, section.variables))
        if "TRANSCRIPTS" in self.typed and now != before:
            gone |= {"ENCODING", "ERRORS"}
        kept = {name: value for name, value in section.variables.items() if name not in gone}
        return replace(section, variables=kept)

    @property
    def _elsewhere(self) -> Section | None:
        """At a provider that is new to a run: what it has at the one that it is at, but for the model and the rest
        that is about the service."""
        from pipeline.batch.run_yaml import SHARED, Section, current, load

        there = load(self.ws, self.plugin.variables).of(current(self.ws))
        shared = {name: value for name, value in there.variables.items() if name in SHARED} if there else {}
        return Section(shared) if shared else None

    @property
    def as_it_is(self) -> bool:
        """Whether the run stays what it was made with, whatever was typed."""
        return reads_only() and self.own is not None and self.own.made

    @property
    def as_made(self) -> bool:
        """Whether goals pay for the batch that is there, and do not make it."""
        begun = self.ws.batch.exists() or self.ws.asked.exists() or (self.own is not None and self.own.made)
        return bool(goals() & AS_MADE) and not goals() & {"batch", "transcripts"} and begun

    def chosen(self, name: str) -> bool:
        """Whether a person typed the variable, for the batch."""
        return name in self.typed and not self.corrects(name)

    def corrects(self, name: str) -> bool:
        """Whether a value is for requests without an answer alone: the batch stays what it was made with."""
        fits = name in CORRECTING.split() or (name == "CONTEXT" and "MODEL" in self.typed)
        said = corrects() or (not goals() and self.values.get("RETRY"))
        return bool(fits and said) and self.own is not None and self.own.made

    @property
    def correction(self) -> Correction | None:
        """The values that were typed beside RETRY."""
        from pipeline.batch.prompt_variables import extra_fields
        from pipeline.sending.correct import Correction

        said = {name: self.values[name] for name in CORRECTING.split() if name in self.typed and self.RETRY}
        body = {name.lower(): value for name, value in said.items() if name != "EXTRA"}
        body |= extra_fields(said.get("EXTRA", ""))
        words = " ".join(f"{name}={shlex.quote(str(value))}" for name, value in said.items())
        return Correction(body, words, self.values.get("CONTEXT")) if body else None

    @property
    def _remembers(self) -> bool:
        """Whether the run has a file; where it has none, no plugin is loaded to know its variables."""
        if "RUN" not in self.values:
            return False
        from pipeline.batch.run_yaml import path

        return path(self.ws).exists() or path(self.ws).with_name("run.mk").exists()

    def _section(self, plugin: Provider) -> Section | None:
        from pipeline.batch.run_yaml import load

        return load(self.ws, plugin.variables).of(self.PROVIDER)

    def usual(self, name: str) -> Any:
        """A default of the run that a prompt's front matter comes before; None if there is none."""
        return self.own.defaults.get(name) if self.own else None

    @cached_property
    def tariff(self) -> Tariff:
        from pipeline.money.tariff import Tariff

        return Tariff(self.plugin, self.PRICE_IN, self.PRICE_OUT)

    @cached_property
    def asked(self) -> Asked:
        from pipeline.sending.submit_options import Asked, Bounds

        bounds = Bounds(self.BUDGET, self.QUEUE_TOKENS, self.QUEUE_JOBS)
        names = [name for name in ("confirm", "yes", "again", "account", "partial") if name.upper() in self.values]
        words = {name: getattr(self, name.upper()) for name in names}
        words |= {"correction": self.correction} if "MODEL" in self.values else {}
        words |= {"bounds": bounds, "ids": ids(self.values.get("ID", ""))}
        return Asked(self.RETRY, self.REPLACE, each=self.EACH, sample=self.SAMPLE or 0, **words)

    def known(self, begins: bool = False) -> None:
        """Raises InputError for a run that is not there, unless it `begins`, or is at another provider."""
        from pipeline.jobs.runs import known
        from pipeline.plugins import find

        if not self.ws.root.exists():
            find.provider(self.PROVIDER)  # a mistyped one is said as that
        known(self.ws, begins)

    def watch(self, **how: Any) -> Watch:
        """A view of the jobs; `how` says more of it."""
        from pipeline.base.clock import Clock
        from pipeline.jobs.wait import Watch

        how = {"say": say, "account": self.ACCOUNT, **how}
        return Watch(self.ws, self.plugin, Clock(), settle=self.SETTLE, poll=self.POLL, tariff=self.tariff, **how)

    def starter(self, adopt: bool = False) -> Starter:
        from pipeline.base.clock import Clock
        from pipeline.jobs.ledger import Ledger
        from pipeline.jobs.start_context import Starter

        return Starter(Ledger(self.ws), self.plugin, Clock(), say, self.SETTLE, adopt)

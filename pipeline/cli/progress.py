"""How the wait for jobs looks: one line that changes on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

import click

from pipeline.base.humanize import elapsed, many
from pipeline.cli.main import say
from pipeline.cli.wrap import width
from pipeline.jobs.ledger import Ledger


@dataclass
class Progress:
    """Shows rows done, jobs by state and time elapsed. `news` prints a line without tearing the display."""

    live: bool = False  # a terminal: rewrite one line
    began: float = field(default_factory=time.monotonic)
    last: str = ""

    def show(self, ledger: Ledger) -> None:
        text = describe(ledger)
        line = f"{text} · {elapsed(time.monotonic() - self.began)}"
        if self.live:  # what is wider than the terminal could not be written over
            click.echo(f"\r\033[K{line[: width() - 1]}", nl=False, err=True)
        elif text != self.last:
            say(line)
        self.last = text

    def news(self, text: str) -> None:
        self.end()
        say(text)

    def end(self) -> None:
        """Leave the changing line, so that what follows starts on its own."""
        if self.live and self.last:
            click.echo("", err=True)
            self.last = ""


def describe(ledger: Ledger) -> str:
    """`1,200 of 3,000 rows done · 2 jobs running, 1 completed`."""
    jobs = [receipt for receipt in ledger if receipt.ref]
    done = sum(r.requests if r.state == "completed" else r.done or 0 for r in jobs)
    states = Counter("fetching" if r.ended and not r.settled else r.state for r in jobs)
    by_state = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    total = sum(receipt.requests for receipt in jobs)
    return f"{done:,} of {many(total, 'row')} done · {many(len(jobs), 'job')}: {by_state}"


@dataclass
class Bar:
    """How many of the files are read, on a terminal: one line that changes. Elsewhere it says nothing."""

    total: int
    live: bool
    done: int = 0

    def advance(self, files: int) -> None:
        self.done += files
        if self.live and self.total:
            full = 30 * self.done // self.total
            bar = "#" * full + "-" * (30 - full)
            click.echo(f"\r\033[K[{bar}] {self.done:,} of {many(self.total, 'file')}", nl=False, err=True)

    def news(self, text: str) -> None:
        self.end()
        say(text)

    def end(self) -> None:
        """Take the line away; what was said stays."""
        if self.live and self.done:
            click.echo("\r\033[K", nl=False, err=True)

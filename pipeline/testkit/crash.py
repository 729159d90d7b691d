"""A clock that tests own, and a death at any step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from pipeline.base import atomic_files
from pipeline.base.clock import Clock
from pipeline.provider import Download, Provider
from pipeline.sending.submit_options import Asked


class Killed(BaseException):
    """Stands for kill -9: nothing of the pipeline may catch it."""


class Steps:
    """Counts the points at which a process can die, and dies at one of them."""

    def __init__(self, at: int | None = None) -> None:
        self.count, self.at = 0, at

    def __call__(self) -> None:
        self.count += 1
        if self.count == self.at:
            raise Killed(self.count)


class FakeTime:
    """A clock that only moves when somebody sleeps."""

    def __init__(self, most: int | None = None) -> None:
        self.time, self.most = 1_000_000.0, most  # sleeps: a wait without end fails, and does not hang
        self.slept: list[float] = []

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.time, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        assert self.most is None or len(self.slept) < self.most, "the wait has no end"
        self.time += seconds


def dying_disk(monkeypatch: Any, step: Steps) -> None:
    """Every durable rename becomes two points at which the process can die."""
    publish = atomic_files.publish

    def watched(part: Any, path: Any) -> None:
        step()
        publish(part, path)
        step()

    monkeypatch.setattr("pipeline.base.atomic_files.publish", watched)
    monkeypatch.setattr("pipeline.jobs.shards.publish", watched)


class Mortal:
    """A provider whose calls to the service are points at which the process can die: before, and after."""

    def __init__(self, provider: Provider, step: Steps) -> None:
        self._provider, self._step = provider, step

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._provider, name)
        if name == "fetch":
            return lambda ref: self._fetched(value(ref))
        if name not in ("stage", "find", "start", "poll", "cancel"):
            return value

        def call(*args: Any) -> Any:
            self._step()
            answer = value(*args)
            self._step()
            return answer

        return call

    def _fetched(self, downloads: Iterator[Download]) -> Iterator[Download]:
        self._step()
        for download in downloads:
            yield download
            self._step()


def asking(how: dict[str, Any]) -> dict[str, Any]:
    """Keywords for `submit`: those that are fields of Asked (retry, sample, …) as one."""
    names = {field.name for field in fields(Asked)} & {*how}
    rest = {name: value for name, value in how.items() if name not in names}
    return {**rest, "asked": Asked(**{name: how[name] for name in names})}

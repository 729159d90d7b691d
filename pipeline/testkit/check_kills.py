"""The contract of a process that is killed, at each step at which it can die: the next one pays nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.testkit.run import IDS, Run

MOST_STEPS = 99  # at which a submit of one shard, or a collection, can die


class KillChecks:
    """One job and every answer, wherever a run died."""

    def test_killed_at_any_step_of_a_submit(self, service, monkeypatch):
        def submit(run: Run, at: int) -> bool:
            died = run.dying(at, monkeypatch, run.send)
            run.settle()
            return died

        self._swept(service, submit)

    def test_killed_at_any_step_of_a_collection(self, service, monkeypatch):
        def collection(run: Run, at: int) -> bool:
            run.send()
            return run.dying(at, monkeypatch, run.collect)

        self._swept(service, collection)

    def _swept(self, service: Any, die: Callable[[Run, int], bool]) -> None:
        """A run that dies at each step, one after the other, and is finished: one job, every answer."""
        for at in range(1, MOST_STEPS):
            run = Run(service, f"killed-{at}")
            run.make(*IDS, words=f"{at} words of {{}}")
            died = die(run, at)
            assert run.collect() == dict.fromkeys(IDS, "ok"), at
            assert len(service.invoice) == at, at
            if not died:
                return
        raise AssertionError("the sweep did not come to its end")

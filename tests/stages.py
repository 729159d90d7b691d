"""Stages as the doors compose them out of two rooms, for tests that call them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pipeline.base.workspace import Workspace
from pipeline.batch import build_requests as build
from pipeline.jobs import wait
from pipeline.jobs.keep_as_sent import Kept
from pipeline.jobs.ledger import Ledger
from pipeline.provider import Provider
from pipeline.results.collect import collect


def batch(ws: Workspace, provider: Provider, asked: list, *how: Any, **more: Any) -> int:
    return build.batch(ws, provider, asked, Kept(Ledger(ws)), *how, **more)


class Watch(wait.Watch):
    def results(self, wait: bool) -> Counter[str]:
        return collect(self, wait)

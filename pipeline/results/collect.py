"""The stage `results`: the jobs are polled until they have ended, and their answers merged."""

from __future__ import annotations

from collections import Counter

from pipeline.jobs.wait import Watch
from pipeline.results.merge import merge


def collect(watch: Watch, wait: bool) -> Counter[str]:
    """What `merge` returns. Raises UnfinishedError while a job runs; with `wait` it waits for the last."""
    return watch.when_ended(wait, lambda ledger: merge(watch.ws, ledger, watch.provider, watch.tariff, watch.say))

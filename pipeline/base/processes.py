"""Work spread over processes, with its results in order and never more than a few of them waiting."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from threading import Thread
from typing import Any

from pipeline.errors import UnfinishedError


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered(work: Callable[[Any], Any], tasks: Iterable[Any], workers: int) -> Iterator[Any]:
    """`work(task)` of each task, in order. One worker, or one task, needs no other process."""
    tasks = iter(tasks)
    first = list(islice(tasks, 2))
    tasks = chain(first, tasks)
    if workers < 2 or len(first) < 2:
        yield from map(work, tasks)
        return
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor

    pool = ProcessPoolExecutor(workers, initializer=_serve)
    waiting: deque = deque()
    try:
        for task in tasks:
            waiting.append(pool.submit(work, task))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise UnfinishedError(
            "a process that read transcripts was killed; WORKERS=1 needs the least memory"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _serve() -> None:
    """How a worker lives: Ctrl-C is the parent's to answer; it does not outlive the parent, whose lock it holds."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    from multiprocessing import parent_process

    parent_process().join()
    os._exit(1)

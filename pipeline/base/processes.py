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


def keep_memory() -> None:
    """Have the C library keep what is freed, for the next line of the file.

    glibc gives the top of its heap back as soon as it is larger than the largest block that was ever freed, and at
    least 128 KB: with lines of 80 KB at each one, which takes four times as long as to read and write them.
    """
    bytes(16 << 20)  # of zeros, so that no page of it is touched


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
    keep_memory()
    Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    from multiprocessing import parent_process

    parent_process().join()
    os._exit(1)

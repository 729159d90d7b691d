"""The process that works a live job off: `python -m providers.live.worker FOLDER`.

Threads take one request after the other and store each answer before they take the next, so that at most
LIVE_CONCURRENCY answers can be lost. The key is read from the environment and is written nowhere.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import orjson

from pipeline.errors import clean
from providers.job_folders.durable_files import append
from providers.job_folders.job import Job
from providers.live import server
from providers.live.ask import Asker
from providers.live.pace import STEP, Pace

Sleep = Callable[[float], None]


class Run:
    """One process's work on a job."""

    def __init__(self, job: Job, now: Callable[[], float] = time.monotonic, sleep: Sleep = time.sleep) -> None:
        self.job = job
        self.stopped = False  # this process shall end, the job shall not
        self._lock = threading.Lock()
        self._complete, self._said = True, ""
        self._pace = Pace(server.rpm(), self.ending, now, sleep)
        self.asker = Asker(server.written(job.read()["server"]).http(), self._pace, self._say)
        self._rest = job.rest()

    def ending(self) -> bool:
        return self.stopped or bool(self.asker.hopeless) or self.job.cancelled

    def all(self, concurrency: int) -> None:
        """Ask for all that has no answer yet, and say how the job ended, if it did."""
        with ThreadPoolExecutor(concurrency) as pool:
            threads = [pool.submit(self._thread) for _ in range(concurrency)]
        for thread in threads:
            thread.result()
        if self._complete:
            self.job.end("completed")
        elif self.job.cancelled:
            self.job.end("cancelled")
        elif self.asker.hopeless:
            self.job.end("failed", self.asker.hopeless)

    def _thread(self) -> None:
        try:
            while request := self._next():
                self._keep(self.asker.ask(request["custom_id"], request["body"]))
        except BaseException:
            self.stopped = True  # the others end too, with what they have in flight
            raise

    def _next(self) -> dict | None:
        with self._lock:
            line = next(self._rest, None)
            if line and self.ending():
                self._complete = False
                return None
            return orjson.loads(line) if line else None

    def _keep(self, line: bytes | None) -> None:
        with self._lock:
            if line is None:
                self._complete = False
            else:
                append(self.job.answers, line)

    def _say(self, note: str) -> None:
        with self._lock:
            if note != self._said:
                self.job.say(note)
                self._said = note


def work(job: Job, make: Callable[[Job], Run] = Run, sleep: Sleep = time.sleep) -> None:
    """Answer every request of the job that has no answer yet; returns at once if another worker does."""
    with job.lock() as mine:
        if not mine or job.state:
            return
        try:
            job.trim()
            with _turn(job, sleep) as ours:
                return _run(job, make) if ours else job.end("cancelled")
        except Exception as error:  # whatever it is, the job must not hang
            job.trim()
            job.end("failed", clean(error))


@contextmanager
def _turn(job: Job, sleep: Sleep) -> Iterator[bool]:
    """Wait until no other job of the workspace is worked on: together they would ask too hard."""
    while True:
        with job.turn() as mine:
            if mine:
                yield True
                return
        if job.cancelled:
            yield False
            return
        job.say("waits for another job of this run: one after the other is asked")
        sleep(STEP)


def _run(job: Job, make: Callable[[Job], Run]) -> None:
    job.say("")
    make(job).all(server.concurrency())


def _terminable(job: Job) -> Run:
    """A run that lets what is in flight finish when the machine is shut down: it is paid for."""
    run = Run(job)

    def stop(*_: object) -> None:
        run.stopped = True
        os.write(sys.stderr.fileno(), b"told to go: ends when what is in flight is answered\n")

    signal.signal(signal.SIGTERM, stop)
    return run


if __name__ == "__main__":
    os.umask(0o077)
    work(Job(sys.argv[1]), _terminable)

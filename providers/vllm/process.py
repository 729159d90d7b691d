"""The process of a run. It holds the job's lock by inheritance, so that nobody takes a dead one for alive."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import clean
from pipeline.variables import NAMES
from providers.job_folders.durable_files import append
from providers.job_folders.job import Job, idle

TAIL = 4096  # bytes of the log that are looked at
SHOWN = 400  # characters of them that are said


def start(job: Job, words: list[str], *locks: BinaryIO) -> None:
    """Start a run that outlives this process and holds these locks until its last process is gone."""
    append(job.tries, str(job.done()).encode())
    with (job.root / "vllm.log").open("ab") as log:
        run = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(),
            start_new_session=True,
            pass_fds=[lock.fileno() for lock in locks],
        )
    job.write("process", {"pid": run.pid, "born": _born(run.pid)})


def environment() -> dict[str, str]:
    """Ours less the Makefile's variables: vLLM reads VERBOSE as a number, and warns of a VLLM_… that is not its."""
    return {name: value for name, value in os.environ.items() if name not in NAMES}


def end(job: Job, signal: int) -> None:
    """Send a signal to all processes of the run, if it is still that run."""
    path = job.root / "process"
    if idle(job) or not path.exists():
        return
    run = json.loads(path.read_text("utf-8"))
    if _born(run["pid"]) in (run["born"], None):  # None: gone, but for the processes that it started
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(run["pid"], signal)


def tail(job: Job) -> str:
    """The end of the log in one line: why the last run died."""
    path = job.root / "vllm.log"
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - TAIL))
        words = stream.read().decode("utf-8", "replace")
    return clean(" ".join(words.split())[-SHOWN:]) or "its log is empty"


def _born(pid: int) -> str | None:
    """When a process began, in the kernel's ticks: the same number is given to others later."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return None

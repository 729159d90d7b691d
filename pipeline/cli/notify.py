"""NOTIFY: a command that is run once when a goal that waits has ended, well or not."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from pipeline.cli.given import Given
from pipeline.cli.home import came_from
from pipeline.cli.main import say
from pipeline.errors import clean

TIMEOUT = 60.0  # seconds


@contextmanager
def notifying(given: Given, goal: str, last: bool = True) -> Iterator[None]:
    """Around what waits. The command gets one line of JSON on its standard input; how the goal ends is no matter of
    its. Of a step that is not the `last` one of its goal only the failure is an end."""
    if not (given.WAIT and given.NOTIFY.strip()):
        yield
        return
    told = {"goal": goal, "run": given.ws.run, "provider": given.ws.provider, "code": 0, "error": None}
    for number in (signal.SIGTERM, signal.SIGHUP):  # a shutdown is an end too
        signal.signal(number, lambda which, _: sys.exit(128 + which))
    try:
        yield
    except BaseException as error:
        told |= {"code": _code(error), "error": clean(error) or type(error).__name__}
        raise
    finally:
        if last or told["code"]:
            _run(given.NOTIFY, told | _outcomes(given))


def _code(error: BaseException) -> int:
    """As `main` ends with it."""
    known = {KeyboardInterrupt: 130, OSError: 74}
    return next((code for kind, code in known.items() if isinstance(error, kind)), getattr(error, "code", 1))


def _outcomes(given: Given) -> dict[str, Any]:
    from pipeline.jobs.count_outcomes import outcomes
    from pipeline.jobs.next_goal import fresh

    return {"outcomes": dict(outcomes(given.ws)) if fresh(given.ws) else None}


def _run(words: str, told: dict[str, Any]) -> None:
    """Without a shell: the words are the program and its arguments."""
    try:
        line = orjson.dumps(told) + b"\n"
        done = subprocess.run(
            shlex.split(words),
            input=line,
            stdout=2,  # news
            timeout=TIMEOUT,
            cwd=came_from(),
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        say(f"NOTIFY: {clean(error, 200)}")
    else:
        if done.returncode:
            say(f"NOTIFY: {clean(words, 60)} ended with {done.returncode}")

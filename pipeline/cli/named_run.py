"""A goal that a text names is of the run that the command is about: typed as it stands, it is not another's."""

from __future__ import annotations

import re

DEFAULT = "default"
OF_A_RUN = "transcripts|batch|preview|try|plan|submit|adopt|results|export|show|status|cancel|clean"
GOAL = re.compile(rf"`make (-B )?({OF_A_RUN})\b(?![^`]*\bRUN=)")
_now = [DEFAULT]


def about(run: str) -> None:
    """The run that this command is about."""
    _now[:] = [run]


def named(text: str, run: str = "") -> str:
    """The text with RUN= in each goal that it names; the default run needs none."""
    run = run or _now[0]
    return text if run == DEFAULT else GOAL.sub(rf"`make \1\2 RUN={run}", text)

"""The command that runs a batch, as the environment says."""

from __future__ import annotations

import os
import shlex
import shutil

from pipeline.errors import Rejected

INSTALL = "`pip install vllm`, or say in VLLM_COMMAND how to run it"


def words() -> list[str]:
    """VLLM_COMMAND, `run-batch`, VLLM_ARGS. Raises Rejected if there is no such program."""
    start = _split("VLLM_COMMAND") or ["vllm"]
    if shutil.which(start[0]) is None:
        raise Rejected(f"{start[0]}: no such program; {INSTALL}")
    return [*start, "run-batch", *_split("VLLM_ARGS")]


def _split(name: str) -> list[str]:
    try:
        return shlex.split(os.environ.get(name, ""))
    except ValueError as error:
        raise Rejected(f"{name} is no command line: {error}") from None

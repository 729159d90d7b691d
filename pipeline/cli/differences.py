"""Where what counts now is not what the batch was made with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from pipeline.base.workspace import Workspace
from pipeline.batch.prompt_file import named
from pipeline.batch.remembered_settings import stamped
from pipeline.batch.saved_prompts import load
from pipeline.cli.given import Given
from pipeline.cli.keep import FIELDS, digest
from pipeline.cli.options import ASKING, READING, nothing
from pipeline.errors import InputError

NAMES = (*READING.split(), *ASKING.split())


def check_unchanged(given: Given) -> None:
    """Raises InputError for the goals that pay, with both ways on."""
    for name, value, before in _values(given):
        then = f"with {name}={before}" if before not in (None, "") else f"without {name}"
        raise InputError(
            f"{name}={value}, and the batch was made {then}; nothing was sent. `make batch {name}={value}` makes "
            f"it anew (free), or leave {name} out"
        )
    for path in _changed(given.ws):
        raise InputError(
            f"{path} has changed since the batch was made; nothing was sent. `make batch` makes it anew (free), or "
            "put the file back"
        )


def told(given: Given) -> Iterator[str]:
    """A sentence for each value that a goal which only reads does not take."""
    for name, value, before in _values(given):
        if name in given.typed:
            then = f"has {name}={before}" if before not in (None, "") else f"has no {name}"
            yield f"{name}={value} is not taken: the run {then}, and `make batch {name}={value}` changes that"


def _values(given: Given) -> Iterator[tuple[str, Any, Any]]:
    """Name, value now, and value then."""
    made = _made(given.ws)
    if made is None:
        return
    then = {**_in_force(given.ws), **made.get("defaults", {}), **made["variables"]}
    for name in NAMES:
        now, before = getattr(given, name), then.get(name, nothing(name))
        if now not in (None, "") and not _same(name, now, before):
            yield name, now, before


def _in_force(ws: Workspace) -> dict[str, Any]:
    """What all prompts of the batch have in common, whoever said it."""
    values = {name: {getattr(prompt, field) for prompt in load(ws)} for name, field in FIELDS.items()}
    return {name: each.pop() for name, each in values.items() if len(each) == 1}


def _made(ws: Workspace) -> dict[str, Any] | None:
    """What the batch was made with; of an older release by its stamps."""
    if ws.asked.exists():
        return orjson.loads(ws.asked.read_bytes())
    if not ws.settings.exists():
        return None
    old = stamped(ws.settings) | stamped(ws.inputs)
    return {"variables": {name: old[name.lower()] for name in NAMES if old.get(name.lower()) not in (None, "")}}


def _changed(ws: Workspace) -> Iterator[str]:
    """Files that are there and have another text; one that is gone is not needed."""
    for path, was in ((_made(ws) or {}).get("files") or {}).items():
        if Path(path).exists() and digest(Path(path).read_text("utf-8", "surrogateescape")) != was:
            yield path


def _same(name: str, one: Any, other: Any) -> bool:
    fit = {"PROMPT": named, "PROMPTS": lambda words: [*map(named, words.split())], "TRANSCRIPTS": str.split}
    fit |= {"EXTRA": orjson.loads}
    try:
        return one == other or (name in fit and fit[name](one) == fit[name](other))
    except (ValueError, AttributeError):
        return False

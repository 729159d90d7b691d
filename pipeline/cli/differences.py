"""Where what counts now is not what the batch was made with."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from pipeline.base.workspace import Workspace
from pipeline.batch.prompt_file import named
from pipeline.batch.remembered_settings import listing, stamped
from pipeline.batch.saved_prompts import load
from pipeline.cli import asking
from pipeline.cli.from_make import goals
from pipeline.cli.given import YIELDING, Given
from pipeline.cli.keep import FIELDS, asked, digest
from pipeline.cli.options import ASKING, READING, nothing
from pipeline.cli.server import PAIR
from pipeline.errors import DamagedError, InputError, PipelineError
from pipeline.transcripts.find_files import paths

USUAL = {"LONG": "refuse", "OVERLAP": 200, "PROMPT": "data/prompts/summary.md"}  # in stamps of older releases
NAMES = (*READING.split(), *ASKING.split())

Made = dict[str, dict[str, Any]]  # variables, defaults and, but of an older release, files


def check_unchanged(given: Given) -> None:
    """Raises InputError for the goals that pay, with both ways on."""
    if not (made := _made(given)):
        if goals() and given.ws.batch.exists():  # without make the batch may be anybody's
            raise InputError(
                f"what {given.ws.batch} was made with is not known any more; nothing is sent. `{_batch(given)}` "
                "makes it anew (free)"
            )
        return
    for name, value, before in (*_values(given, made), *_servers(given, made)):
        _check_it_can_be(given)
        then = f"with {name}={before}" if before not in (None, "") else f"without {name}"
        now = f"{name}={value}" if value not in (None, "") else f"{name} is not said any more"
        back = f"leave {name} out" if name in given.typed or name in PAIR else "put it back in run.yaml"
        raise InputError(
            f"{now}, and the batch was made {then}; nothing is sent. `{_batch(given, name, value)}` makes it anew "
            f"(free), or {back}"
        )
    for path in _changed(made):
        raise InputError(
            f"{path} has changed since the batch was made; nothing is sent. `{_batch(given)}` makes it anew "
            "(free), or put the file back"
        )


def _check_it_can_be(given: Given) -> None:
    """Raises InputError if no batch can be made with what counts now: then that is what to say."""
    asking.prompts_of(given)
    if "TRANSCRIPTS" in given.values and given.chosen("TRANSCRIPTS"):
        paths(given.values["TRANSCRIPTS"])


def differ(given: Given) -> bool:
    """Whether the batch that is there is not what would be made now."""
    try:
        check_unchanged(given)
    except PipelineError:
        return True
    return False


def told(given: Given) -> Iterator[str]:
    """A sentence for each value that a goal which only reads does not take."""
    for name, value, before in _values(given, _made(given), given.values):
        if given.chosen(name):
            then = f"has {name}={before}" if before not in (None, "") else f"has no {name}"
            yield f"{name}={value} is not taken: the run {then}, and `{_batch(given, name, value)}` changes that"


def since(given: Given) -> Iterator[str]:
    """What has changed since the batch was made, and what `submit` makes of it."""
    stamp = stamped(given.ws.inputs)
    with suppress(InputError):
        if "files" in stamp and stamp["files"] != listing(paths(stamp.get("transcripts", ""))):
            yield f"the transcripts have changed, and `make submit` reads them anew; `{_batch(given)}` shows it"
    for path in _changed(_made(given)):
        yield f"{path} has changed: `make submit` refuses until `{_batch(given)}` takes it, or it is put back"


def _batch(given: Given, name: str = "", value: Any = None) -> str:
    """What to type for a batch with this value."""
    run = "" if given.ws.run == "default" else f" RUN={given.ws.run}"
    said = f" {name}={shlex.quote(str(value))}" if name and value not in (None, "") else ""
    return f"make batch{run}{said}"


def _servers(given: Given, made: Made) -> Iterator[tuple[str, str, str]]:
    """Address and name of the key that were typed, where the batch was made for others."""
    if "files" not in made:  # an older release did not say
        return
    for name in set(PAIR) & set(given.plugin.variables):
        now, before = os.environ.get(name, "").strip(), made["variables"].get(name, "")
        if now and now != before:
            yield name, now, before


def _values(given: Given, made: Made, typed: Mapping[str, Any] | None = None) -> Iterator[tuple[str, Any, Any]]:
    """Name, value now (as it counts, or as it is `typed`), and value then."""
    if not made:
        return
    then = {**_in_force(given.ws), **made["defaults"], **made["variables"]}
    looked_at = [name for name in NAMES if name in given.values]
    for name in sorted(looked_at, key=lambda name: name not in given.typed):
        now = getattr(given, name) if typed is None or name not in given.typed else typed[name]
        said, before = now != nothing(name) or name in made["variables"], then.get(name, nothing(name))
        if said and not _same(name, now, before):
            yield name, now, before
        elif not said and name in YIELDING and given.usual(name) not in (None, made["defaults"].get(name)):
            yield name, given.usual(name), before


def _in_force(ws: Workspace) -> dict[str, Any]:
    """What all prompts of the batch have in common, whoever said it."""
    if not ws.prompts.exists():
        return {}
    values = {name: {getattr(prompt, field) for prompt in load(ws)} for name, field in FIELDS.items()}
    return {name: each.pop() for name, each in values.items() if len(each) == 1}


def _made(given: Given) -> Made:
    """What the batch was made with; of an older release by its stamps; nothing where nobody knows."""
    ws, own = given.ws, given.own
    own_words = asked(own) if own and own.made else {}
    if ws.asked.exists():
        try:
            made = orjson.loads(ws.asked.read_bytes())
            return {part: dict(made[part]) for part in ("variables", "defaults", "files")}
        except (ValueError, KeyError, TypeError):
            raise DamagedError(f"{ws.asked} is damaged; `make batch` writes it anew (free)") from None
    if not ws.settings.exists():
        return own_words
    files = {"files": own_words["files"]} if own_words else {}
    stamps = stamped(ws.settings) | stamped(ws.inputs)
    old = {name: stamps[name.lower()] for name in NAMES if stamps.get(name.lower()) not in (None, "")}
    old |= dict(_paths(ws))
    defaults = {name: old.pop(name) for name, usual in USUAL.items() if old.get(name) == usual}
    return {"variables": old, "defaults": defaults, **files}


def _paths(ws: Workspace) -> Iterator[tuple[str, str]]:
    """TEMPLATE and ANSWER in a stamp: a path, with the size and the age of the file behind it."""
    for line in ws.settings.read_text("utf-8", "surrogateescape").split("\n"):
        name, _, words = line.partition(" ")
        if name in ("template", "answer") and words != "''":
            gone = words.endswith(" missing")
            yield name.upper(), words.removesuffix(" missing") if gone else words.rsplit(" ", 2)[0]


def _changed(made: Made) -> Iterator[str]:
    """Files that are there and have another text; one that is gone is not needed."""
    for path, was in made.get("files", {}).items():
        if Path(path).exists() and digest(Path(path).read_text("utf-8", "surrogateescape")) != was:
            yield path


def _same(name: str, one: Any, other: Any) -> bool:
    fit = {
        "PROMPT": lambda word: Path(named(word)),
        "PROMPTS": lambda words: [Path(named(word)) for word in words.split()],
        "TRANSCRIPTS": lambda words: [*map(Path, words.split())],
        "EXTRA": lambda words: orjson.loads(words or "{}"),
    }
    try:
        return one == other or (name in fit and fit[name](one) == fit[name](other))
    except (ValueError, AttributeError):
        return False

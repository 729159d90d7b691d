"""The variables by which a plugin finds its server, as the run remembers them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pipeline.base.atomic_files import append
from pipeline.base.workspace import RUNS, Workspace
from pipeline.batch.run_yaml import Section
from pipeline.cli.from_make import typed
from pipeline.cli.main import say
from pipeline.provider import Provider

PAIR = ("BASE_URL", "KEY_ENV")
NAME = re.compile(r"[A-Z][A-Z0-9_]*")
SECRET = re.compile(r"key|token|secret|passw|@", re.I)


def as_remembered(plugin: Provider, section: Section | None, ws: Workspace) -> None:
    """Put them into the environment, where the plugin reads them, unless a person gave others.

    A key goes to no server that only a file names: run.yaml may come from somebody else.
    """
    given = {name for name in plugin.variables if os.environ.get(name, "").strip() and typed(name)}
    kept = {} if section is None else {n: str(v) for n, v in section.variables.items() if n in plugin.variables}
    whole = kept | {name: os.environ[name].strip() for name in given}
    if whole.keys() >= set(PAIR):
        if given >= set(PAIR):
            _trust(_pair(whole))
        elif not _trusted(_pair(whole)):
            say(
                f"BASE_URL={whole['BASE_URL']} and KEY_ENV={whole['KEY_ENV']} are not used together: only "
                f"{ws.run}/run.yaml says that this key goes there; type both once, and they are"
            )
            kept = {name: value for name, value in kept.items() if name not in PAIR}
    os.environ.update({name: value for name, value in kept.items() if name not in given})


def remembered(plugin: Provider) -> dict[str, str]:
    """What a run is to remember of them: nothing that may be a secret, or hold one."""
    values = {name: os.environ.get(name, "").strip() for name in plugin.variables}
    return {name: value for name, value in values.items() if value and _fits(name, value)}


def _fits(name: str, value: str) -> bool:
    return bool(NAME.fullmatch(value)) if name == "KEY_ENV" else not SECRET.search(value)


def _pair(values: Mapping[str, str]) -> str:
    return f"{values['BASE_URL'].strip()} {values['KEY_ENV'].strip()}"


def _known() -> Path:
    return RUNS.parent / "servers.txt"


def _trusted(pair: str) -> bool:
    return _known().exists() and pair in _known().read_text("utf-8").split("\n")


def _trust(pair: str) -> None:
    if not _trusted(pair):
        _known().parent.mkdir(parents=True, exist_ok=True)
        append(_known(), pair.encode())

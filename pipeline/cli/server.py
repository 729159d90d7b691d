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
from pipeline.errors import InputError
from pipeline.provider import Provider

PAIR = ("BASE_URL", "KEY_ENV")
NAME = re.compile(r"[A-Z][A-Z0-9_]*")
SAID = {  # and not the value: it may be a key
    "KEY_ENV": "KEY_ENV must be the NAME of the variable that holds the key, like MY_API_KEY",
    "BASE_URL": "BASE_URL is no usable URL; set it to https://host, without a name, a password or a query",
}
SECRET = re.compile(r"key|token|secret|passw|@", re.I)


def as_remembered(plugin: Provider, section: Section | None, ws: Workspace) -> None:
    """Put them into the environment, where the plugin reads them, unless a person gave others.

    A key goes to no server that only a file names: run.yaml may come from somebody else. Raises InputError for what
    may be a key itself.
    """
    given = {name for name in plugin.variables if os.environ.get(name, "").strip() and typed(name)}
    for name in sorted(given & set(PAIR)):
        if not _safe(name, os.environ[name].strip()):
            raise InputError(SAID[name])
    kept = {} if section is None else {n: str(v) for n, v in section.variables.items() if n in plugin.variables}
    whole = kept | {name: os.environ[name].strip() for name in given}
    if pair := _pair(plugin, whole):
        if given >= set(PAIR) & set(plugin.variables):
            _trust(pair)
        elif not _trusted(pair):
            say(
                f"BASE_URL={whole['BASE_URL']} and the key in {pair.split()[1]} are not used together: only "
                f"{ws.run}/run.yaml says that this key goes there; type {' and '.join(_both(plugin))} once"
            )
            kept = {name: value for name, value in kept.items() if name not in PAIR}
    os.environ.update({name: value for name, value in kept.items() if name not in given})


def remembered(plugin: Provider) -> dict[str, str]:
    """What a run is to remember of them: nothing that may be a secret, or hold one."""
    values = {name: os.environ.get(name, "").strip() for name in plugin.variables}
    return {name: value for name, value in values.items() if value and _fits(name, value)}


def _fits(name: str, value: str) -> bool:
    return bool(NAME.fullmatch(value)) if name == "KEY_ENV" else not SECRET.search(value)


def _both(plugin: Provider) -> list[str]:
    return [name for name in PAIR if name in plugin.variables]


def _pair(plugin: Provider, values: Mapping[str, str]) -> str:
    """An address and the name of the key that goes there; "" if none does."""
    own = next((name for name in plugin.keys if name not in PAIR), "")
    key = values.get("KEY_ENV", "").strip() or own
    return f"{values['BASE_URL'].strip()} {key}" if "BASE_URL" in values and key else ""


def _safe(name: str, value: str) -> bool:
    return bool(NAME.fullmatch(value)) if name == "KEY_ENV" else not ("@" in value or "?" in value)


def _known() -> Path:
    return RUNS.parent / "servers.txt"


def _trusted(pair: str) -> bool:
    return _known().exists() and pair in _known().read_text("utf-8").split("\n")


def _trust(pair: str) -> None:
    if not _trusted(pair):
        _known().parent.mkdir(parents=True, exist_ok=True)
        append(_known(), pair.encode())

"""The services that share OpenAI's wire: a table, one row each, in services.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import schemas
from pipeline.errors import InputError, clean
from pipeline.hookspecs import GROUP

BUILT_IN = Path(__file__).with_name("services.yaml")
OWN = Path("services.yaml")  # the user's, in the folder of the project


@dataclass(frozen=True)
class Service:
    """One row; services.yaml says what each column means."""

    name: str
    about: str
    url: str | None
    key: str | None
    model: str | None
    max_requests: int | None
    max_bytes: int | None
    min_requests: int
    max_jobs: int | None
    max_enqueued_tokens: int | None
    window: str | None
    discount: str | None
    purpose: str
    files: str
    batches: str
    method_url: bool
    endpoint: str
    create: dict[str, Any]
    metadata: bool
    pages: str | None
    lists: bool
    input: str
    output: str
    errors: str
    done: list[str]
    cancel: str
    ask: str
    cache_key: str | None
    rename: dict[str, str]
    refuse: list[str]
    source: str


def find(name: str) -> Service | None:
    """The row of that name: built in, or the user's own. Raises InputError for a row that cannot be read."""
    wire, rows = built_in()
    if name in rows:  # which a mistake in the user's file does not touch
        return Service(name, **{**wire, **rows[name]})
    row = _own().get(name)
    return None if row is None else Service(name, **{**wire, **_checked(name, row)})


@cache
def built_in() -> tuple[dict[str, Any], dict[str, Any]]:
    """What a row has that leaves a column out, and the rows; read once, also for a table of all."""
    rows = _rows(BUILT_IN)
    return rows.pop("wire"), rows


def own_names() -> list[str]:
    """The names of the user's own rows. Raises InputError."""
    return sorted(map(str, _own()))


def _own() -> dict[str, Any]:
    rows = _rows(OWN) if OWN.exists() else {}
    plugins = {point.name for point in entry_points(group=GROUP)}
    if taken := sorted((plugins | {"wire"}) & {*rows}):
        raise InputError(f"{OWN}: {', '.join(taken)} is the name of a plugin; give the row another name")
    return rows


def _rows(path: Path) -> dict[str, Any]:
    import yaml

    try:
        rows = yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {clean(error)}") from None
    if rows is None:  # an empty file, or comments alone
        return {}
    if not isinstance(rows, dict):
        raise InputError(f"{path}: not a table of services; see {BUILT_IN}")
    return rows


def _checked(name: str, row: Any) -> dict[str, Any]:
    why = next(schemas.faults("service", row), None)
    if why and why.startswith("$.key:"):  # what stands there may be the key itself
        why = "$.key: must be the NAME of the variable that holds the key, like ACME_API_KEY"
    if not why and "{file}" not in str(row.get("create", "{file}")):
        why = "$.create: names no {file}, so a job would have no requests"
    if why:
        raise InputError(f"{OWN}: {clean(name)}: {clean(why)}")
    return row

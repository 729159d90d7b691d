"""The services that share OpenAI's wire: a table, one row each, in services.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import schemas
from pipeline.errors import InputError, clean

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
    input: str
    output: str
    errors: str
    done: list[str]
    cancel: str
    rename: dict[str, str]
    refuse: list[str]
    source: str


def find(name: str) -> Service | None:
    """The row of that name: built in, or the user's own. Raises InputError for a row that cannot be read."""
    rows = _rows(BUILT_IN)
    wire = rows.pop("wire")
    own = _rows(OWN) if OWN.exists() else {}
    if taken := sorted({*rows, "wire"} & {*own}):
        raise InputError(f"{OWN}: {', '.join(taken)} is built in; give the row another name")
    row = {**rows, **own}.get(name)
    return None if row is None else Service(name, **{**wire, **_checked(name, row)})


def _rows(path: Path) -> dict[str, Any]:
    import yaml

    try:
        rows = yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {clean(error)}") from None
    if not isinstance(rows, dict):
        raise InputError(f"{path}: not a table of services; see {BUILT_IN}")
    return rows


def _checked(name: str, row: Any) -> dict[str, Any]:
    if why := next(schemas.faults("service", row), None):
        raise InputError(f"{OWN}: {clean(name)}: {clean(why)}")
    return row

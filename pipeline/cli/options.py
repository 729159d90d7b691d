"""The options of the commands, from the table of variables. Each can also come from the environment, as of make."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import click

import schemas

TABLE: Mapping[str, Mapping[str, Any]] = schemas.schema("variables")["properties"]
ASKING = " ".join(name for name, row in TABLE.items() if row.get("kept") == "ask")
READING = " ".join(name for name, row in TABLE.items() if row.get("kept") == "read")
KEPT = frozenset(f"{READING} {ASKING}".split())
CORRECTING = "MODEL MAX_TOKENS TEMPERATURE TOP_P EXTRA"  # with RETRY, of requests without an answer
PRICES = "PRICE_IN PRICE_OUT"
PLANNING = f"RETRY REPLACE ID EACH SAMPLE BUDGET QUEUE_TOKENS QUEUE_JOBS {PRICES}"
FLAGS = {"N": "--number"}  # where it is not the variable's own name
# Options that are no variables.
OWN: Mapping[str, Mapping[str, Any]] = {
    "no_new_jobs": {"type": "boolean", "description": "only check that every request has a job; never pay"},
    "strict": {"type": "boolean", "description": "exit 3 if a request has no answer"},
    "kind": {"enum": ["transcript", "request", "result"], "default": "transcript", "description": "of record"},
}


class Number(click.FloatRange):
    """A number in a range that is one: `nan` passes every comparison, and so every bound."""

    name = "number"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value!r} is no number, like 5.00", param, ctx)
        if not isfinite(number):
            self.fail(f"{value!r} is no number", param, ctx)
        return super().convert(number, param, ctx)


def option(name: str, hidden: bool = False) -> click.Parameter:
    """The option of a variable, or of OWN; `files` is the argument of that name."""
    if name == "files":
        return click.Argument([name], nargs=-1, type=click.Path(path_type=Path))
    row = OWN[name] if name in OWN else TABLE[name]
    variable = {} if name in OWN else {"envvar": name, "show_envvar": True}
    flag = FLAGS.get(name, f"--{name.lower().replace('_', '-')}")
    return click.Option([flag, name], help=_help(row), hidden=hidden, **variable, **_value(row))


def nothing(name: str) -> Any:
    """The value of a variable that nobody gave."""
    row = TABLE[name]
    return row.get("default", "" if row.get("type") == "string" else None)


def _value(row: Mapping[str, Any]) -> dict[str, Any]:
    """Its type, range and default; a text that is not given is ""."""
    default = {"default": row["default"], "show_default": True} if "default" in row else {}
    if "enum" in row:
        return {"type": click.Choice(row["enum"]), **default}
    least, most = row.get("minimum"), row.get("maximum")
    match row["type"]:
        case "boolean":
            return {"is_flag": True}
        case "integer":
            return {"type": click.IntRange(least, most), **default}
        case "number":
            above = row.get("exclusiveMinimum")
            return {"type": Number(least if above is None else above, most, min_open=above is not None), **default}
    return {"default": "", **default}


def _help(row: Mapping[str, Any]) -> str:
    words = row["description"]
    return f"{words[0].upper()}{words[1:]}." if words[0] != "`" else f"{words}."

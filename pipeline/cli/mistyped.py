"""What a variable takes, in words: `MAX_TOKENS=abc: a whole number from 1`, or `--max-tokens abc: …`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click

from pipeline.cli.from_make import TYPED
from pipeline.cli.options import TABLE, option
from pipeline.errors import clean


def mistyped(error: click.BadParameter) -> str:
    """A value that a variable does not take, and what it takes; of another parameter what click says."""
    name = error.param.name if error.param else None
    if name not in TABLE:
        return error.format_message()
    value = error.message.partition(" is ")[0].strip("'")
    typed = f"{name}=" if os.environ.get(name, "").strip() else f"{error.param.opts[0]} "
    return f"{typed}{clean(value, 60)}: {takes(TABLE[name])}"


def check_types() -> None:
    """Raises BadParameter if make was typed a value that its variable does not take, whichever goal uses it: before
    anything is made."""
    for name in os.environ.get(TYPED, "").split():
        if name in TABLE:
            option(name).type_cast_value(click.get_current_context(), os.environ[name])


def takes(row: Mapping[str, Any]) -> str:
    """`a whole number from 1 to 100`: from a row of the table of variables."""
    if "enum" in row:
        return " or ".join(row["enum"])
    kind = {"boolean": "1, or nothing", "integer": "a whole number", "number": "a number"}[row["type"]]
    least = f" from {row['minimum']:g}" if "minimum" in row else ""
    above = f" above {row['exclusiveMinimum']:g}, up" if "exclusiveMinimum" in row else ""
    most = f" to {row['maximum']:,.0f}" if "maximum" in row else ""
    return f"{kind}{least}{above}{most}" + (", like 0.5" if row["type"] == "number" else "")

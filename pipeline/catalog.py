"""The providers that are installed, as a table for people."""

from __future__ import annotations

import os

from pipeline import plugins
from pipeline.errors import PipelineError, clean
from pipeline.provider import Provider

HEAD = ("NAME", "KEY", "", "REQUESTS", "MB", "BATCH COSTS", "LOST ANSWER", "WHAT IT IS", "MODEL")
UNKNOWN = "?"  # not published, or not found: never a guess


def catalog() -> list[str]:
    """A line for each provider; one that does not load says why and disturbs no other."""
    rows: list[tuple[str, ...]] = [HEAD]
    broken = []
    for name in sorted({point.name for point in plugins.available()}):
        try:
            rows.append(_row(plugins.provider(name)))
        except PipelineError as error:
            broken.append(f"{clean(name, 40)}: {error}")
        except Exception as error:  # a stranger's code
            broken.append(f"{clean(name, 40)}: {type(error).__name__}: {clean(error)}")
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return [*table, *broken, "", f"{UNKNOWN}: not published, or not found.  MODEL must be given where it is empty."]


def _row(provider: Provider) -> tuple[str, ...]:
    limits = provider.limits(provider.default_model or "")
    missing = [key for key in provider.keys if not os.environ.get(key, "").strip()]
    cells = (
        provider.name,
        " ".join(provider.keys) or "none",
        "" if not provider.keys else "not set" if missing else "set",
        _number(limits.max_requests),
        _number(limits.max_bytes and round(limits.max_bytes / 1e6)),
        provider.discount or UNKNOWN,
        f"exact: {provider.tag}" if provider.tag else "not exact",
        provider.about,
        provider.default_model or "",
    )
    return tuple(clean(cell, 80) for cell in cells)


def _number(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"

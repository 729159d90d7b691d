"""The providers that are installed, as a table for people."""

from __future__ import annotations

import os

from pipeline.errors import PipelineError, clean
from pipeline.plugins import find
from pipeline.provider import Provider

HEAD = ("NAME", "REQUESTS", "MB", "BATCH COSTS", "LOST START", "")
UNKNOWN = "?"  # not published, or not found: never a guess
NOTES = f"""
{UNKNOWN}: not published, or not found. LOST START: whether the job of an unanswered start is told exactly.
Next: `export ..._API_KEY=...` and `make batch PROVIDER=...`; MODEL must be given where no default is named.
A server of OpenAI's wire: PROVIDER=custom BASE_URL=... KEY_ENV=..., or a row in services.yaml (PLUGINS.md)."""


def catalog() -> tuple[list[tuple[str, ...]], list[str]]:
    """A row for each provider, under HEAD, and what is to be said of all; a broken one disturbs no other."""
    names, rows, broken = {point.name for point in find.available()}, [HEAD], []
    try:
        names |= set(find.own())
    except PipelineError as error:
        broken.append(str(error))
    for name in sorted(names):
        try:
            rows.append(_row(find.provider(name)))
        except PipelineError as error:
            broken.append(f"{clean(name, 40)}: {error}")
        except Exception as error:  # a stranger's code
            broken.append(f"{clean(name, 40)}: {type(error).__name__}: {clean(error)}")
    return rows, [*broken, *NOTES.split("\n")]


def _row(provider: Provider) -> tuple[str, ...]:
    limits = provider.limits(provider.default_model or "")
    needs = [f"{key}{' (set)' if os.environ.get(key, '').strip() else ''}" for key in provider.keys]
    model = f"; default model {provider.default_model}" if provider.default_model else ""
    cells = (
        provider.name,
        _number(limits.max_requests),
        _number(limits.max_bytes and round(limits.max_bytes / 1e6)),
        provider.discount or UNKNOWN,
        "exact" if provider.tag else "not exact",
        f"{provider.about}; needs {' and '.join(needs) or 'nothing'}{model}",
    )
    return tuple(clean(cell, 300) for cell in cells)


def _number(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"

"""One page of the list of jobs."""

from __future__ import annotations

from typing import Any

from pipeline.errors import Busy


def listed(answer: Any) -> list[Any]:
    """The entries of a list, which is bare or an object; null is an empty one. Each should be a job."""
    rows = answer
    if isinstance(answer, dict):
        rows = next((answer[name] for name in ("data", "value") if name in answer), "none")
    if not isinstance(rows, list | None):
        raise Busy("the list of jobs is no list")
    return rows or []


def id_of(job: Any) -> str | None:
    """Of an entry, if it has one."""
    name = job.get("id") if isinstance(job, dict) else None
    return name if isinstance(name, str) else None


def goes_on(answer: Any, pages: str | None) -> bool:
    return bool(pages) and isinstance(answer, dict) and (pages == "page" or bool(answer.get("has_more")))

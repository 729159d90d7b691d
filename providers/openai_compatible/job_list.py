"""One page of the list of jobs."""

from __future__ import annotations

from typing import Any

from pipeline.errors import Busy


def listed(answer: Any) -> list[dict]:
    """The jobs of a list, which is bare or an object; null is an empty one."""
    rows = answer
    if isinstance(answer, dict):
        rows = next((answer[name] for name in ("data", "value") if name in answer), "none")
    if not isinstance(rows, list | None) or not all(isinstance(job, dict) for job in rows or ()):
        raise Busy("the list of jobs is no list")
    return rows or []


def goes_on(answer: Any, pages: str | None) -> bool:
    return bool(pages) and isinstance(answer, dict) and (pages == "page" or bool(answer.get("has_more")))

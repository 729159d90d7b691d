"""A job as the SDK hands it out: its state, its age, how much of it is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.errors import Busy, clean
from pipeline.provider import Found, Shard
from providers.wire.check_answer import identifier, unreadable

STATES = {
    "VALIDATING": "running",
    "IN_PROGRESS": "running",
    "CANCELING": "running",
    "CANCELLING": "running",
    "COMPLETED": "completed",
    "FAILED": "failed",
    "EXPIRED": "expired",
    "CANCELLED": "cancelled",
    "CANCELED": "cancelled",
}


def ref_of(job: Any, shard: Shard | None = None) -> dict[str, Any]:
    """By which a job is asked for; one that was started elsewhere has no shard yet."""
    requests = {"requests": shard.requests} if shard else {}
    return {"id": identifier(getattr(job, "id", None), "start"), "created": created_of(job), **requests}


def found(job: Any) -> Found:
    """A job that anybody may have started."""
    return Found(ref_of(job), state_of(job), created_of(job))


def told(job: Any, shard: Shard, file_id: str) -> Found | None:
    """The job, or entry of a list, if it may be of that file: not certainly where it does not say its file."""
    try:
        ref, file = ref_of(job, shard), getattr(job, "input_file_id", None)
    except (Busy, AttributeError):
        return unreadable(job)
    known = isinstance(file, str) and bool(file)
    return None if known and file != file_id else Found(ref, state_of(job), created_of(job), exact=known)


def state_of(job: Any) -> str:
    return STATES.get(str(getattr(job, "status", None) or "").upper(), "running")


def created_of(job: Any) -> str:
    created = getattr(job, "created_at", None)
    return created.isoformat() if hasattr(created, "isoformat") else clean(created or "", 40)


def done_of(job: Any, ref: Mapping[str, Any]) -> int | None:
    """`progress` is a percentage of the requests."""
    progress = getattr(job, "progress", None)
    if not isinstance(progress, int | float) or not 0 <= progress <= 100 or "requests" not in ref:
        return None
    return round(progress / 100 * ref["requests"])

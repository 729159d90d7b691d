"""A job as the service describes it, an Operation: its state, its age, how much of it is done."""

from __future__ import annotations

from typing import Any

from pipeline.errors import Busy, clean
from pipeline.provider import Found, Shard
from providers.wire import gemini_contents
from providers.wire.check_answer import identifier, record, unreadable

STATES = {  # after JOB_STATE_, BATCH_STATE_
    **dict.fromkeys(("QUEUED", "PENDING", "RUNNING", "CANCELLING", "PAUSED", "UPDATING"), "running"),
    "SUCCEEDED": "completed",
    "PARTIALLY_SUCCEEDED": "completed",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired",
}


def part(value: dict, name: str) -> dict:
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}


def ref_of(job: dict) -> dict[str, Any]:
    return {"id": identifier(job.get("name"), "start"), "created": created_of(job)}


def told(job: Any, shard: Shard) -> Found | None:
    """The entry of a list if it may be the shard's job: not certainly where it has no display name."""
    try:
        ref = ref_of(record(job, "list"))
    except Busy:
        return unreadable(job)
    name = part(job, "metadata").get("displayName")
    return None if name and name != shard.sha256 else Found(ref, state_of(job), created_of(job), exact=bool(name))


def word_of(job: dict) -> str:
    return str(part(job, "metadata").get("state") or "")


def short(job: dict) -> str:
    return word_of(job).upper().removeprefix("JOB_STATE_").removeprefix("BATCH_STATE_")


def state_of(job: dict) -> str:
    return STATES.get(short(job), "running")


def created_of(job: dict) -> str:
    """Without its Z: fractions of a second have as many digits as they need, and a Z sorts after them."""
    return clean(part(job, "metadata").get("createTime") or "", 40).removesuffix("Z")


def done_of(job: dict) -> int | None:
    stats = part(part(job, "metadata"), "batchStats")
    counts = [gemini_contents.count(stats.get(f"{name}RequestCount")) for name in ("successful", "failed")]
    if all(value is None for value in counts) and gemini_contents.count(stats.get("requestCount")) is None:
        return None
    return sum(value or 0 for value in counts)

"""A job as a service of OpenAI's wire describes it, each in words of its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

from pipeline.errors import Busy, clean
from pipeline.provider import Found, Shard
from providers.openai_compatible.services import Service
from providers.wire.check_answer import identifier, record, unreadable

TAG = "transcript_batch"  # of a job's metadata
STATES = {
    "completed": "completed", "success": "completed", "succeeded": "completed", "done": "completed",
    "failed": "failed", "failure": "failed", "error": "failed",
    "expired": "expired", "timeout_exceeded": "expired",
    "cancelled": "cancelled", "canceled": "cancelled",
}  # fmt: skip
RUNNING = {
    "validating", "in_progress", "finalizing", "cancelling", "canceling", "cancellation_requested",
    "queued", "scheduling", "pending", "created", "running", "progress",
}  # fmt: skip


def unwrapped(value: Any, what: str) -> dict:
    """A job, taken out of a wrapper around it if there is one."""
    wrapped = value.get("job") if isinstance(value, dict) else None
    return record(wrapped if isinstance(wrapped, dict) else value, what)


def told(service: Service, job: Any, shard: Shard, handle: Mapping[str, Any]) -> Found | None:
    """The entry of a list if it may be the shard's job: not certainly where it says neither its file nor a tag."""
    try:
        ref = ref_of(record(job, "list"))
    except Busy:
        return unreadable(job)
    files, metadata = job.get(service.input), job.get("metadata")
    tag = metadata.get(TAG) if isinstance(metadata, dict) else None
    names = [name for name in (files if isinstance(files, list) else [files]) if isinstance(name, str) and name]
    ours, says = handle["file_id"] in names or tag == shard.sha256, bool(names or tag)
    return None if says and not ours else Found(ref, state_of(job), created_of(job), exact=says)


def found(job: dict) -> Found:
    """A job that anybody may have started."""
    return Found(ref_of(job), state_of(job), created_of(job))


def ref_of(job: dict) -> dict[str, Any]:
    return {"id": identifier(job.get("id"), "start"), "created": created_of(job)}


def word_of(job: dict) -> str:
    return str(job.get("status") or "")


def state_of(job: dict) -> str:
    return STATES.get(word_of(job).lower(), "running")


def created_of(job: dict) -> str:
    return clean(job.get("created_at") or "", 40)


def done_of(service: Service, job: dict) -> int | None:
    counts = [reduce(_get, path.split("."), job) for path in service.done]
    known = [count for count in counts if isinstance(count, int)]
    return sum(known) if known else None


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def why_of(job: dict) -> str | None:
    """Why the whole job failed: a list of errors, under `data` or bare, or one."""
    errors = job.get("errors") or job.get("error")
    errors = errors.get("data", errors) if isinstance(errors, dict) else errors
    rows = errors if isinstance(errors, list) else [errors] if errors else []
    texts = [str(row.get("message") or row) if isinstance(row, dict) else str(row) for row in rows[:3]]
    return clean("; ".join(texts)) or None

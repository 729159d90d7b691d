"""A job as the service describes it: its name, its state, its age."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.provider import Shard
from providers.wire.check_answer import identifier

STATES = {
    "Submitted": "running",
    "Validating": "running",
    "Scheduled": "running",
    "InProgress": "running",
    "Stopping": "running",
    "Completed": "completed",
    "PartiallyCompleted": "expired",  # "not all of your records could be processed in time"
    "Failed": "failed",
    "Stopped": "cancelled",
    "Expired": "expired",
}


def name_of(shard: Shard) -> str:
    """What the names of all jobs of these requests begin with; the whole of a name is 63 letters at most."""
    return f"transcripts-{shard.sha256[:32]}"


def ref_of(job: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": identifier(job["jobArn"], "start"), "created": created_of(job)}


def state_of(job: Mapping[str, Any]) -> str:
    return STATES.get(str(job.get("status")), "running")


def created_of(job: Mapping[str, Any]) -> str:
    submitted = job.get("submitTime")
    return submitted.isoformat() if submitted else ""

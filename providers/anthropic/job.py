"""A job as the service describes it: its age, and how many requests it has."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

from pipeline.errors import clean
from providers.wire.check_answer import identifier, record
from providers.wire.lenient_json import as_dict

BATCHES = "/v1/messages/batches"


def total_of(job: dict) -> int:
    """All requests of a job; the counts of a job that runs stand under `processing`."""
    return sum(count for count in as_dict(job.get("request_counts")).values() if isinstance(count, int))


def time_of(job: dict) -> datetime | None:
    """When it was made; None if it does not say."""
    try:
        whole = re.sub(r"\.\d+", "", str(job.get("created_at")))  # Python 3.10 takes few lengths
        time = datetime.fromisoformat(whole.replace("Z", "+00:00"))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def ref_of(job: Any) -> dict[str, Any]:
    job = record(job, "start")
    return {"id": identifier(job.get("id"), "start"), "created": clean(job.get("created_at") or "", 40)}

"""The plan for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pipeline.sending.plan import Part, Plan, summed


def facts(plan: Plan) -> dict[str, Any]:
    """The same as an object; money in US dollars, null where it is not known."""
    found = plan.found
    return {
        "requests": found.total,
        "pending": sum(part.requests for part in plan.parts),
        "shared": found.shared,
        "outside_sample": found.unsent,
        "changed": len(found.changed),
        "estimate": asdict(summed(plan.parts)),
        "later": asdict(plan.later),
        "parts": [_fact(part) for part in plan.parts],
        "retry": asdict(summed(plan.retry)),
        "replace": asdict(summed(plan.replace)),
        "started": plan.started,
        "lost": sum(receipt.requests for receipt in plan.begun),
        "spent_at_most": plan.spent,
        "budget": plan.asked.bounds.budget,
    }


def _fact(part: Part) -> dict[str, Any]:
    return {**asdict(part), "estimate": asdict(part.estimate)}

"""The model that a run was sent to, where nobody says another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pipeline.batch.prompt import Prompt
from pipeline.jobs.ledger import Ledger


def as_before(prompt: Prompt, last: Mapping[str, str], ledger: Ledger) -> Prompt:
    """The prompt, where nobody says a model, with the one that the run was sent to.

    If that were several: with the `last` that was asked by this prompt, or by one that names none, else the newest.
    """
    begun = [receipt for receipt in ledger if receipt.begun and receipt.model]
    own = [receipt.model for receipt in begun if receipt.prompt == prompt.name]
    used = own or [receipt.model for receipt in begun if receipt.model in last.values()]
    if "model" in prompt.given or not used or prompt.model in used:
        return prompt
    return replace(prompt, model=last[prompt.name] if last.get(prompt.name) in used else used[-1])

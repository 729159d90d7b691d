"""The prompts of a batch, as `batch` wrote them down: answers are judged, and combined, by what asked for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import orjson

from pipeline.base.atomic_files import write_json
from pipeline.base.workspace import Workspace
from pipeline.batch import custom_id
from pipeline.batch.answer_schema import Answer
from pipeline.batch.prompt import Prompt
from pipeline.errors import DamagedError


@dataclass(frozen=True)
class Prompts:
    """One, or several with names that differ."""

    each: tuple[Prompt, ...]

    def __iter__(self) -> Iterator[Prompt]:
        return iter(self.each)

    def save(self, ws: Workspace) -> None:
        """Write them into the workspace."""
        write_json(ws.prompts, [asdict(prompt) for prompt in self])

    def suffix(self, prompt: Prompt) -> str:
        """What its requests have in their custom_id; nothing if it is the only one."""
        return prompt.name if len(self.each) > 1 else ""

    def of(self, request: str) -> Prompt:
        """The prompt of a request, by its custom_id. Raises DamagedError."""
        if (found := self.named(custom_id.prompt(request))) is None:
            raise DamagedError(f"{request}: no prompt of the batch has that name; run `make -B batch`")
        return found

    def named(self, name: str) -> Prompt | None:
        """The prompt of that name; the only one has any."""
        return self.each[0] if len(self.each) == 1 else self._by_name.get(name)

    @cached_property
    def _by_name(self) -> dict[str, Prompt]:
        return {prompt.name: prompt for prompt in self.each}


def load(ws: Workspace) -> Prompts:
    """Those of the batch that is there. Raises DamagedError."""
    try:
        first, *others = map(_prompt, orjson.loads(ws.prompts.read_bytes()))
        return Prompts((first, *others))
    except (OSError, ValueError, TypeError, KeyError):
        raise DamagedError(f"{ws.prompts} does not belong to {ws.batch}; run `make -B batch`") from None


def models(ws: Workspace) -> dict[str, str]:
    """The model that each prompt of the last batch asked, where nobody said one."""
    try:
        return {prompt.name: prompt.model for prompt in load(ws) if "model" not in prompt.given}
    except DamagedError:
        return {}


def _prompt(row: dict[str, Any]) -> Prompt:
    answer = row.pop("answer")
    return Prompt(**row, answer=Answer(**answer) if answer else None)

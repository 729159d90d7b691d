"""Answers to the parts of a transcript, combined: by one request if they fit it, else by several, and again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.custom_id import custom_id
from pipeline.prompt import Prompt
from pipeline.window import HEAD, Window
from pipeline.words import span


@dataclass(frozen=True)
class Said:
    """An answer to the parts `first` to `last` of a transcript, of which there are `of`; times in seconds."""

    first: int
    last: int
    of: int
    start: float | None
    end: float | None
    text: str = ""

    @property
    def name(self) -> str:
        parts = f"part {self.first}" if self.first == self.last else f"parts {self.first} to {self.last}"
        return f"{parts} of {self.of}"

    @property
    def block(self) -> str:
        """The answer under words that say what it is to."""
        return f"{self.name.capitalize()}{span(self.start, self.end)}:\n\n{self.text.strip()}"


Combining = tuple[dict[str, Any], Said]  # a request, and what its answer will be to


def combining(
    prompt: Prompt, transcript: Mapping[str, Any], said: Sequence[Said], window: Window, whole: str, number: int
) -> list[Combining]:
    """The requests of round `number`, which is 2 or more. One, with the custom_id `whole`, is the last."""
    shares = window.shares(prompt, transcript, 3)
    groups = list(_groups(said, shares.text, window))
    return [
        _request(prompt, transcript, group, window, shares.room, name)
        for group, name in zip(groups, _names(whole, number, len(groups)), strict=True)
    ]


def _names(whole: str, number: int, count: int) -> Iterator[str]:
    for part in range(1, count + 1):
        yield custom_id(whole, "" if count == 1 else f"r{number}p{part:02d}")


def _groups(said: Sequence[Said], most: int, window: Window) -> Iterator[list[Said]]:
    """Neighbours that fit into one request, but two at least: each round has fewer answers than the one before."""
    group: list[Said] = []
    tokens = 0
    for one in said:
        more = window.most(one.text) + HEAD
        if len(group) > 1 and tokens + more > most:
            yield group
            group, tokens = [], 0
        group, tokens = [*group, one], tokens + more
    yield group


def _request(
    prompt: Prompt, transcript: Mapping[str, Any], group: list[Said], window: Window, room: int, name: str
) -> Combining:
    text = "\n\n".join(one.block for one in group)
    most = max(min(prompt.max_tokens, room - window.most(text)), 1)
    body = prompt.body({**transcript, "text": text, "timed": text}, system=prompt.combine, most=most)
    return {"custom_id": name, "body": body}, replace(group[0], last=group[-1].last, end=group[-1].end, text="")

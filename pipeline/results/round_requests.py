"""Answers to the parts of a transcript, combined: by one request if they fit it, else by several, and again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from pipeline.base.humanize import span
from pipeline.batch.custom_id import custom_id
from pipeline.batch.fit_window import HEAD, Shares, Window
from pipeline.batch.prompt import Prompt


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


# A request, and what its answer will be to; no request for an answer that goes on as it is.
Combining = tuple[dict[str, Any] | None, Said]


def combining(
    prompt: Prompt, transcript: Mapping[str, Any], said: Sequence[Said], window: Window, whole: str, number: int
) -> list[Combining]:
    """The requests of round `number`, which is 2 or more. One, with the custom_id `whole`, is the last."""
    shares = window.shares(prompt, transcript, combine=True)
    groups = list(_groups(said, shares, window))
    if len(groups) == 1:
        most = max(
            shares.answer, min(prompt.max_tokens, shares.room - shares.times * _tokens(said, shares, window))
        )
        return [_request(prompt, transcript, groups[0], most, whole)]
    names = (custom_id(whole, f"r{number}p{part:02d}") for part in count(1))
    return [
        (None, group[0]) if len(group) == 1 else _request(prompt, transcript, group, shares.answer, name)
        for group, name in zip(groups, names, strict=False)
    ]


def _groups(said: Sequence[Said], shares: Shares, window: Window) -> Iterator[list[Said]]:
    """Neighbours that fit into one request, two at least: so each round has fewer answers than the one before."""
    group: list[Said] = []
    for one in said:
        if len(group) > 1 and _tokens([*group, one], shares, window) > shares.text:
            yield group
            group = []
        group = [*group, one]
    yield group


def _tokens(group: Sequence[Said], shares: Shares, window: Window) -> int:
    """Of answers under their heads, at most: none is longer than it was allowed to be, whatever we count."""
    return sum(min(window.most(one.text), shares.answer) + HEAD for one in group)


def _request(
    prompt: Prompt, transcript: Mapping[str, Any], group: Sequence[Said], most: int, name: str
) -> Combining:
    text = "\n\n".join(one.block for one in group)
    body = prompt.body({**transcript, "text": text, "timed": text}, system=prompt.combine, most=most)
    return {"custom_id": name, "body": body}, replace(group[0], last=group[-1].last, end=group[-1].end, text="")

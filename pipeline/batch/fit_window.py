"""How much a model takes: tokens of a prompt and its answer together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from pipeline.batch.prompt import Prompt
from pipeline.errors import InputError
from pipeline.money import tokens
from pipeline.money.estimate import SLACK
from pipeline.provider import Provider

MESSAGE = 8  # tokens around a message, at most
HEAD = 60  # tokens of the words that stand above a part
LEAST = 100  # tokens; a part, or an answer, of less is no use


@dataclass(frozen=True)
class Window:
    """`size` tokens of a model. Texts are counted by the provider where it can, else estimated."""

    provider: Provider
    model: str
    size: int

    @classmethod
    def of(cls, provider: Provider, prompt: Prompt) -> Window:
        """That of a prompt's model, as `windowed` found it; of no tokens where nobody knows."""
        return cls(provider, prompt.model, prompt.window or 0)

    def expected(self, text: str) -> int:
        """Tokens of a text."""
        exact = self.provider.tokens(text)
        return tokens.tokens(text, self.model) if exact is None else exact

    def most(self, text: str) -> int:
        """Tokens of a text, at most."""
        exact = self.provider.tokens(text)
        return tokens.most(text, self.model) if exact is None else exact

    def takes(self, body: Mapping[str, Any], surely: bool) -> bool:
        """Whether a request fits: `surely`, or as expected."""
        text, around = _texts(body)
        room = self.size - around - body["max_tokens"]
        if (
            4 * len(text) <= room or len(text.encode()) <= room
        ):  # no token has less than a byte, no letter more than 4
            return True
        return (self.most if surely else self.expected)(text) <= room

    def shares(self, prompt: Prompt, transcript: Mapping[str, Any], combine: bool) -> Shares:
        """How the window is shared where a transcript does not fit. Raises InputError if the prompt fills it.

        The answer has a half at most; less if answers are to be combined: two of them, under their heads and as
        often as the template sends its text, fit with the one that combines them.
        """
        text, around = _texts(prompt.body({**transcript, "text": "", "timed": ""}, system=prompt.combine))
        room, times = self.size - self.most(text) - around - HEAD, prompt.fill.times
        most = (room - 2 * times * HEAD) // (2 * times + 1) if combine else room // 2
        shares = Shares(room, min(prompt.max_tokens, most), times)
        if shares.text < LEAST or shares.answer < min(LEAST, prompt.max_tokens):
            left = f"{max(room, 0):,} of the {self.size:,} tokens that {self.model} takes"
            raise InputError(
                f"the prompt leaves {left}, too few; shorten it, or say CONTEXT if the model takes more"
            )
        return shares


@dataclass(frozen=True)
class Shares:
    """Tokens of a window: `room` is for a text, sent so many `times`, and an answer of at most `answer`."""

    room: int
    answer: int
    times: int = 1

    @property
    def text(self) -> int:
        return (self.room - self.answer) // self.times


def _texts(body: Mapping[str, Any]) -> tuple[str, int]:
    """All that a model reads of a body, and the tokens that stand around it, at most."""
    said = [message["content"] for message in body["messages"]]
    form = [orjson.dumps(body["response_format"]).decode()] if "response_format" in body else []
    return "\n".join(said + form), SLACK + MESSAGE * len(said)

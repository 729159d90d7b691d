"""How many tokens a model takes: as a person says (CONTEXT), the provider, or its published list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.batch.prompt import Prompt
from pipeline.errors import InputError
from pipeline.money import prices
from pipeline.provider import Provider


def windowed(prompts: Sequence[Prompt], provider: Provider, given: int | None, long: str) -> list[Prompt]:
    """The prompts with the windows of their models, and LONG. Raises InputError where that needs one not known."""
    said = ("window",) if given else ()
    made = [
        replace(prompt, window=size(provider, prompt.model, given), long=long, given=(*prompt.given, *said))
        for prompt in prompts
    ]
    for prompt in made:
        if long != "refuse" and prompt.window is None:
            raise InputError(f"LONG={long} needs the window of {prompt.model}, in tokens; give it: CONTEXT=131072")
    return made


def size(provider: Provider, model: str, given: int | None = None) -> int | None:
    """What a person says (CONTEXT), else the provider, else its published list; None where nobody does."""
    return given or provider.limits(model).context or prices.window(provider.name, model)

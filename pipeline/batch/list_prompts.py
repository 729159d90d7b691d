"""The command `prompts`: those in data/prompts, and what each is for."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from pipeline.batch import prompt_file
from pipeline.errors import clean


def prompts() -> Iterator[str]:
    """A block for each prompt that says what it is about."""
    listed = prompt_file.listed()
    for prompt in listed:
        how = ", ".join(
            f"{name} {prompt.fields[name]}"
            for name in ("model", "max_tokens", "temperature")
            if name in prompt.fields
        )
        yield f"{prompt.path}: {clean(prompt.fields['about'])}{f' ({how})' if how else ''}"
        example = prompt.fields.get("example", "").strip()
        yield from (textwrap.indent(clean(line, 200), "    ") for line in example.split("\n") if line)
        yield ""
    yield (
        "`make batch PROMPT=chapters` uses one; copy it for a prompt of your own."
        if listed
        else "no prompts in data/prompts"
    )

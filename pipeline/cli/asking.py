"""The prompts that the variables ask with, and the stamp of all that decides what a request says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pipeline.batch.context_window import windowed
from pipeline.batch.prompt import Prompt
from pipeline.batch.prompt_file import load, named
from pipeline.batch.prompt_variables import expressed, prompts
from pipeline.batch.remembered_settings import code
from pipeline.batch.saved_prompts import models
from pipeline.cli.given import Given
from pipeline.cli.main import say
from pipeline.cli.options import ASKING
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.model_as_sent import as_before

ASKED = ("MODEL", "PROMPT", "PROMPTS")


def asked(given: Given) -> list[Prompt]:
    """As this provider can say them, with the windows of their models; what a person should know is said."""
    several = prompts_of(given)
    several = windowed([expressed(one, given.plugin) for one in several], given.plugin, _window(given), given.LONG)
    for one in several:
        if one.literal:
            say(f"warning: {one.literal} in the system prompt is sent as it stands; below a line `---` it is not")
    return several


def prompts_of(given: Given) -> list[Prompt]:
    """With the model that this run was sent to, where nobody says another."""
    ledger, plugin = Ledger(given.ws), given.plugin
    usual = prompts(
        given.PROMPTS.split() or [given.PROMPT], given.TEMPLATE, model=given.MODEL, max_tokens=given.MAX_TOKENS,
        sampling={"temperature": given.TEMPERATURE, "top_p": given.TOP_P}, extra=given.EXTRA, schema=given.ANSWER,
        default_model=given.usual("MODEL") or plugin.default_model or next((one.model for one in ledger), ""),
        default_most=given.usual("MAX_TOKENS"),
    )  # fmt: skip
    last = models(given.ws)
    several = usual if plugin.own_model else [as_before(one, last, ledger) for one in usual]
    for model in sorted({one.model for one in several} - {one.model for one in usual}):
        say(f"model {model}, to which this run was sent; MODEL= says another")
    return several


def _window(given: Given) -> int | None:
    """CONTEXT as it is said, or as it was when the run was made, if nothing is asked otherwise now."""
    return given.CONTEXT or (None if any(map(given.chosen, ASKED)) else given.usual("CONTEXT"))


def paths(given: Given) -> list[Path]:
    """The files that are named: prompts, a template, a schema."""
    return [Path(path) for path in (*prompt_paths(given), given.TEMPLATE, given.ANSWER) if path]


def prompt_paths(given: Given) -> list[str]:
    return [named(word) for word in given.PROMPTS.split() or [given.PROMPT] if word]


def stamp(given: Given) -> dict[str, Any]:
    """The variables by their names, a Path for each file; and what makes requests beside them."""
    prompts = list(map(Path, prompt_paths(given)))
    schemas = [load(str(path)).answer for path in prompts if path.exists()]
    values = {name.lower(): getattr(given, name) for name in ASKING.split()}
    files = {name: Path(values[name]) if values[name] else "" for name in ("template", "answer")}
    return values | files | {
        "files": [*prompts, *(Path(schema) for schema in schemas if isinstance(schema, str))],
        "code": code(given.plugin),
        "local_model": os.environ.get("LOCAL_MODEL", ""),
    }  # fmt: skip

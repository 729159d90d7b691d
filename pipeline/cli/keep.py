"""What a run keeps of the variables that a batch is made with: run.yaml for people, asked.json beside the batch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pipeline.base.atomic_files import write_json
from pipeline.batch.made_from import OVERLAP
from pipeline.batch.prompt import Prompt
from pipeline.batch.prompt_file import load
from pipeline.batch.remembered_settings import Reading, stamped
from pipeline.batch.run_yaml import Section, current, keep
from pipeline.cli.asking import prompt_paths
from pipeline.cli.given import Given
from pipeline.cli.options import ASKING, READING, nothing
from pipeline.cli.server import remembered

READ = frozenset(READING.split())
FIELDS = {"MODEL": "model", "MAX_TOKENS": "max_tokens", "CONTEXT": "window"}  # of a prompt


def keep_current(given: Given) -> None:
    """That the run is at this provider now, if it was made there before."""
    if given.own and current(given.ws) not in ("", given.ws.provider):
        keep(given.ws, given.own, given.plugin.variables)


def keep_typed(given: Given) -> None:
    """Of a run that has no file yet, what was typed: where its batch cannot be made, it is still to be."""
    if given.own is None:
        typed = {name: given.values[name] for name in (*READ, *ASKING.split()) if name in given.typed}
        keep(given.ws, Section(typed | remembered(given.plugin)), given.plugin.variables)


def keep_reading(given: Given, reading: Reading) -> None:
    """What a run that was made reads now, and how; of a new one the stamp knows it until a batch is made."""
    read = {name.upper(): value for name, value in vars(reading).items() if value}
    if (own := given.own) and read != {name: value for name, value in own.variables.items() if name in READ}:
        rest = {name: value for name, value in own.variables.items() if name not in READ}
        keep(given.ws, replace(own, variables=read | rest), given.plugin.variables)


def keep_asking(given: Given, prompts: list[Prompt]) -> None:
    """All that the batch was made with."""
    own = given.own or Section()
    stamp = {name.upper(): value for name, value in stamped(given.ws.inputs).items() if value}
    rest = {name: value for name, value in own.variables.items() if name not in ASKING.split()}
    rest |= {name: value for name, value in stamp.items() if name in READ}
    said = {name: value for name in ASKING.split() if (value := _said(given, name)) != nothing(name)}
    if "PROMPTS" in said:
        said.pop("PROMPT", None)  # it does not count then
    files = dict(_files(given))
    section = Section(rest | said | remembered(given.plugin), dict(_defaults(given, prompts, said)), files)
    keep(given.ws, section, given.plugin.variables)
    write_json(given.ws.asked, asked(section))


def asked(section: Section) -> dict[str, dict[str, Any]]:
    """What a batch was made with, of each file a hash."""
    return asdict(section) | {"files": {path: digest(text) for path, text in section.files.items()}}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _said(given: Given, name: str) -> Any:
    """The value that somebody said: now, when the run was made, or in local.mk before it was."""
    if given.chosen(name) or (name in given.local and not (given.own and given.own.made)):
        return given.values[name]
    return given.own.variables.get(name, nothing(name)) if given.own else nothing(name)


def _defaults(given: Given, prompts: list[Prompt], said: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What nobody said, where it is one value."""
    for name, field in FIELDS.items():
        values = {getattr(prompt, field) for prompt in prompts}
        if len(values) == 1 and None not in values and not any(field in prompt.given for prompt in prompts):
            yield name, values.pop()
    for name, usual in {"PROMPT": "", "LONG": "", "OVERLAP": OVERLAP}.items():
        value = getattr(given, name)
        if name not in said and (value := usual if value is None else value) != "":
            yield name, value


def _files(given: Given) -> Iterator[tuple[str, str]]:
    """The texts of prompts, of a template and of schemas, by their paths."""
    prompts = prompt_paths(given)
    answers = [load(path).answer for path in prompts]
    for path in [*prompts, given.TEMPLATE, given.ANSWER, *answers]:
        if isinstance(path, str) and path and Path(path).exists():
            yield path, Path(path).read_text("utf-8", "surrogateescape")

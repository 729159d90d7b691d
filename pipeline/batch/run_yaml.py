"""run.yaml: what a run was made with, for a person to read and edit.

provider: together                the one that goals use without PROVIDER=
together:
  variables: {…}                  what a person said
  defaults: {…}                   what nobody said, as it was when the batch was made
  files: {…}                      prompts, templates and schemas, as they were read
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import schemas
from pipeline.base.atomic_files import atomic
from pipeline.base.lock import lock
from pipeline.base.workspace import RUNS, Workspace
from pipeline.batch.older_run_mk import old_values
from pipeline.errors import InputError, clean
from pipeline.variables import NAMES, unknown

HEAD = """\
# What the run was made with. Edit it, or type a variable with `make batch`: that is kept here.
# `defaults` are what nobody said, as they were then; `files` are as they were read.
"""
# Words for one command, or for all runs.
ONCE = (
    "RUN", "PROVIDER", "RETRY", "REPLACE", "ADOPT", "REQUESTS", "OUTPUT", "AGAIN", "ACCOUNT", "YES", "ID", "N",
    "JSON", "NOTIFY",
)  # fmt: skip
# What a run asks of any service.
SHARED = (
    "TRANSCRIPTS", "ENCODING", "ERRORS", "PROMPT", "PROMPTS", "TEMPLATE", "ANSWER", "MAX_TOKENS", "LONG", "OVERLAP",
)  # fmt: skip
CURRENT = re.compile(r"^provider: *([A-Za-z0-9._-]+) *$", re.M)
PARTS = ("variables", "defaults", "files")


@dataclass(frozen=True)
class Section:
    """What the run was made with at one provider."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def made(self) -> bool:
        """Whether a batch was made with it; else it knows the transcripts alone, or is of an older release."""
        return bool(self.defaults)


@dataclass(frozen=True)
class RunFile:
    """All sections, and the provider that goals use without PROVIDER=."""

    provider: str = ""
    sections: Mapping[str, Section] = field(default_factory=dict)

    def of(self, provider: str) -> Section | None:
        return self.sections.get(provider)


def path(ws: Workspace) -> Path:
    return RUNS / ws.run / "run.yaml"


def current(ws: Workspace) -> str:
    """The provider that goals use without PROVIDER=; "" if nobody said. Make reads it in the same way."""
    found = CURRENT.search(path(ws).read_text("utf-8", "replace")) if path(ws).exists() else None
    return found[1] if found else ""


def load(ws: Workspace, declared: Iterable[str] = ()) -> RunFile:
    """The run's file; of an older run what its run.mk says. `declared` are variables of the plugin.

    Raises InputError with file and line.
    """
    if not path(ws).exists():
        old = old_values(path(ws).with_name("run.mk"))
        return RunFile(sections={ws.provider: Section(old)}) if old else RunFile()
    return _parsed(path(ws), declared)


def keep(ws: Workspace, section: Section, declared: Iterable[str] = ()) -> None:
    """Write the section of this provider, and that the run is at it now."""
    with lock(path(ws).with_name(".run.lock"), "make"):
        before = load(ws, declared) if path(ws).exists() else RunFile()
        sections = {**before.sections, ws.provider: section}
        _write(path(ws), replace(before, provider=ws.provider, sections=sections))
        old = path(ws).with_name("run.mk")
        if old.exists():  # what it said is said here now
            old.rename(old.with_name("run.mk.old"))


def _write(where: Path, run: RunFile) -> None:
    import yaml

    class Dumper(yaml.SafeDumper):
        """A text of several lines as such."""

    Dumper.add_representer(
        str, lambda d, text: d.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)
    )
    whole = {"provider": run.provider, **{name: asdict(section) for name, section in run.sections.items()}}
    text = yaml.dump(whole, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    with atomic(where) as stream:
        stream.write((HEAD + text).encode("utf-8", "surrogateescape"))


def _parsed(where: Path, declared: Iterable[str]) -> RunFile:
    import yaml

    try:
        text = where.read_text("utf-8")
        node, whole = yaml.compose(text, yaml.SafeLoader), yaml.safe_load(text)
        places = _places(node) if isinstance(node, yaml.MappingNode) else {}
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{where}: {clean(error, 200)}; mend it, or remove it and type all again") from None
    for place, why in _faults(whole, declared):
        raise InputError(f"{where}:{places.get(place, 1)}: {why}")
    parts = {
        name: {p: v or {} for p, v in section.items()} for name, section in whole.items() if name != "provider"
    }
    sections = {name: Section(**section) for name, section in parts.items()}
    return RunFile(whole["provider"], sections)


def _places(node: Any, above: tuple[str, ...] = ()) -> dict[tuple[str, ...], int]:
    """The line of each key. Raises YAMLError for one that is there twice."""
    import yaml

    found = {}
    for key, value in node.value:
        here = (*above, str(key.value))
        if here in found:
            raise yaml.YAMLError(f"line {key.start_mark.line + 1}: {here[-1]} is there twice")
        found[here] = key.start_mark.line + 1
        if hasattr(value, "value") and value.id == "mapping":
            found |= _places(value, here)
    return found


def _faults(whole: Any, declared: Iterable[str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where, as a path of keys, and what is wrong."""
    if not isinstance(whole, dict) or not isinstance(whole.get("provider"), str):
        yield (), "not what a run was made with: `provider: NAME`, and a section for each provider"
        return
    for name, section in whole.items():
        if name == "provider":
            continue
        if not isinstance(section, dict) or not section.keys() <= set(PARTS):
            yield (str(name),), f"a section has {', '.join(PARTS)}"
            continue
        for part in PARTS:
            if not isinstance(section.get(part) or {}, dict):
                yield (str(name), part), f"{part}: names and values, one a line"
                continue
            for key, value in (section.get(part) or {}).items():
                if why := _why_not(str(name), part, str(key), value, declared):
                    yield (str(name), part, str(key)), why


def _why_not(provider: str, part: str, name: str, value: Any, declared: Iterable[str]) -> str:
    if part == "files":
        return "" if isinstance(value, str) else f"{name}: the text of a file"
    if name in ONCE:
        return f"{name} is for one command; leave it out"
    if name in NAMES:
        if schemas.is_valid("variables")({name: value}):  # to say why not takes a second validator, and time
            return ""
        return next(schemas.faults("variables", {name: value}), "").removeprefix("$.")
    return next(unknown(provider, [name], declared), "")

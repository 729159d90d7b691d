"""The user message as a template (Jinja, sandboxed), with the fields of a transcript in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pipeline.batch.text_with_times import timed
from pipeline.errors import InputError

FIELDS = ("id", "title", "show", "episode", "published", "language", "duration", "speakers", "text")
NAMES = (*FIELDS, "timed", "metadata")  # the user's own fields reach a prompt only as `metadata.guest`

PROBE = "oats and barley"  # words of a transcript that is none


@dataclass(frozen=True)
class Template:
    """Makes the message of a transcript."""

    fill: Callable[[Mapping[str, Any]], str]
    names: frozenset[str] = frozenset({"text"})  # fields that it has
    times: int = 1  # that it sends the text

    @property
    def timed(self) -> bool:
        return "timed" in self.names

    def __call__(self, transcript: Mapping[str, Any]) -> str:
        return self.fill(transcript)

    def source(self, transcript: Mapping[str, Any]) -> str:
        """The text of a transcript as this template sends it: with times in it or without."""
        return timed(transcript) if self.timed else transcript["text"]


def template(text: str, where: str, first: int = 1) -> Template:
    """From its text; `first` is the line of `where` that the text begins on.

    What a transcript does not have is nothing. Raises InputError with its line for what is no template, for a name
    that is no field, and if neither `text` nor `timed` is in it: no transcript would be sent.
    """
    if text == "{{ text }}":  # most templates: no need of an engine
        return Template(lambda transcript: transcript["text"])
    names = _names(text, where, first)
    if not names & {"text", "timed"}:
        raise InputError(f"{where}: the template has no {{{{ text }}}}, so no transcript would be sent; add it")
    made = _compiled(text, where, first)

    def fill(transcript: Mapping[str, Any]) -> str:
        fields = {name: transcript.get(name) for name in FIELDS}
        fields["metadata"] = transcript.get("metadata") or {}
        if "timed" in names:
            fields["timed"] = (
                transcript["timed"] if "timed" in transcript else timed(transcript)
            )  # of a part: as cut
        return _filled(made, fields, where)

    times = _times(fill)
    if not times:
        raise InputError(f"{where}: its {{{{ text }}}} comes to nothing, so no transcript would be sent")
    return Template(fill, frozenset(names), times)


def _times(fill: Callable[[Mapping[str, Any]], str]) -> int:
    """How often a transcript's words come through; 1 where only a real one can tell."""
    try:
        filled = fill({"id": "a", "title": "a", "speakers": ["a"], "text": PROBE, "metadata": {}})
    except InputError:
        return 1
    return filled.casefold().count(PROBE)


def _filled(made: Any, fields: Mapping[str, Any], where: str) -> str:
    try:
        return made.render(fields)
    except Exception as error:  # whatever an expression of the user's does
        raise InputError(f"{where}: {fields['id']}: {error}") from None


def _compiled(text: str, where: str, first: int) -> Any:
    from jinja2 import TemplateSyntaxError

    try:
        return _engine().from_string(text)
    except TemplateSyntaxError as error:  # a filter or a test that is none
        raise InputError(f"{where}:{first + error.lineno - 1}: {error.message}") from None


def _names(text: str, where: str, first: int) -> set[str]:
    """The fields that the text uses."""
    from jinja2 import TemplateSyntaxError, nodes

    try:
        tree = _engine().parse(text)
    except TemplateSyntaxError as error:
        raise InputError(f"{where}:{first + error.lineno - 1}: {error.message}") from None
    used = list(tree.find_all(nodes.Name))
    own = {name.name for name in used if name.ctx != "load"} | set(_engine().globals)
    for name in used:
        if name.name not in NAMES and name.name not in own:
            line = first + name.lineno - 1
            raise InputError(
                f"{where}:{line}: {{{{ {name.name} }}}} is no field of a transcript; use {', '.join(NAMES)}"
            )
    return {name.name for name in used}


@cache
def _engine() -> Any:
    from jinja2 import ChainableUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(
        autoescape=False, undefined=ChainableUndefined, finalize=lambda value: "" if value is None else value
    )

"""What a Markdown file says of itself at its top: YAML between two lines of `---`, or TOML between `+++`."""

from __future__ import annotations

import re
from typing import Any

from pipeline.transcripts.readers.field_names import said

FENCED = re.compile(
    r"(?:---[ \t]*\n(?P<yaml>.{0,65536}?)\n(?:---|\.\.\.)"
    r"|\+\+\+[ \t]*\n(?P<toml>.{0,65536}?)\n\+\+\+)[ \t]*(?:\n|\Z)",
    re.S,
)
# The first line that is no comment has a key as programs write them; `Ana: hi` was said.
KEY = re.compile(
    r"(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]*[\"']?(?:[a-z_][\w-]*|Title|Date|Author|Speakers?)[\"']?[ \t]*[:=]"
)


def split(text: str) -> tuple[dict[str, Any], str, list[str]]:
    """`(fields of a transcript, text without the front matter, warnings)`."""
    text = text.lstrip("\n")
    fenced = FENCED.match(text)
    if not fenced:
        return {}, text, []
    matter, kind, parse = (
        (fenced["yaml"], "YAML", _yaml) if fenced["toml"] is None else (fenced["toml"], "TOML", _toml)
    )
    if not KEY.match(matter):
        return {}, text, []  # a rule, or what somebody said between two of them
    try:
        values = parse(matter)
    except ValueError as error:
        return {}, text[fenced.end() :], [f"the front matter is not {kind} ({error}); it was left out"]
    return said(values) if isinstance(values, dict) else {}, text[fenced.end() :], []


def _yaml(text: str) -> Any:
    """YAML with every scalar as the string that stands there: `34` and `2024-05-01` are no types here."""
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))
    except RecursionError:
        raise ValueError("nested too deep") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 2}: " if mark else ""
        raise ValueError(where + str(getattr(error, "problem", None) or "damaged")) from None


def _toml(text: str) -> Any:
    try:
        import tomllib
    except ImportError:  # Python 3.10
        raise ValueError("which needs Python 3.11") from None
    try:
        return {key: _plain(value) for key, value in tomllib.loads(text).items()}
    except RecursionError:
        raise ValueError("nested too deep") from None


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, list, dict)) else str(value)

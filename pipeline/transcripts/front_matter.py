"""What a Markdown file says of itself at its top: YAML between two lines of `---`."""

from __future__ import annotations

import re
from typing import Any

from pipeline.transcripts.fields import said

FENCED = re.compile(r"---[ \t]*\n(.{0,65536}?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)


def split(text: str) -> tuple[dict[str, Any], str, list[str]]:
    """`(fields of a transcript, text without the front matter, warnings)`."""
    fenced = FENCED.match(text.lstrip("\n"))
    if not fenced:
        return {}, text, []
    body = text.lstrip("\n")[fenced.end() :]
    try:
        values = _yaml(fenced[1])
    except ValueError as error:
        return {}, body, [f"the front matter is not YAML ({error}); it was left out"]
    return (said(values), body, []) if isinstance(values, dict) else ({}, text, [])


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

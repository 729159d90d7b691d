"""A prompt as a file: how to ask in its front matter, what to ask in its body.

---
about: chapters with the time at which each begins
max_tokens: 1500
---
You divide transcripts into chapters. ...      the system prompt, sent as it stands
---
{{ title }}: {{ timed }}                       the user message, a template; `{{ text }}` if there is none
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schemas
from pipeline.errors import InputError, clean

FOLDER = Path("data/prompts")
FRONT = re.compile(r"---[ \t]*\n(.*?\n)??---[ \t]*(?:\n|\Z)", re.S)
DIVIDER = re.compile(r"^---[ \t]*\n", re.M)


@dataclass(frozen=True)
class PromptFile:
    """`fields` are those of schemas/prompt.schema.json; `line` is where the template begins in the file."""

    path: str
    system: str = ""
    template: str = "{{ text }}"
    line: int = 1
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def answer(self) -> str | dict[str, Any] | None:
        """The schema of a structured answer, or the path of one: it stands beside the prompt."""
        given = self.fields.get("answer")
        return str(Path(self.path).parent / given) if isinstance(given, str) else given


def named(word: str) -> str:
    """The path of a prompt: a file, or the name of one in data/prompts, which are in the package too."""
    name = Path(word).name.removesuffix(".md") if Path(word).parent in (Path(), FOLDER) else ""
    known = [FOLDER / f"{word}.md", shipped() / f"{name}.md"] if name else []
    found = next((path for path in (Path(word), *known) if path.exists()), Path(word))
    return word if found == Path(word) else str(found)


def shipped() -> Path:
    """The folder of our own prompts: this one's, the checkout's, or that of the installed package."""
    beside, installed = Path(__file__).parents[2] / FOLDER, Path(sys.prefix, "share/transcript-batch/prompts")
    return next((path for path in (FOLDER, beside, installed) if path.is_dir()), FOLDER)


def load(path: str, variable: str = "PROMPT") -> PromptFile:
    """The file, checked. Raises InputError."""
    text = read(path, variable)
    front, fields = FRONT.match(text), {}
    start = front.end() if front else 0
    if front:
        fields = _fields(front[1] or "", path)
    elif re.match(r"---[ \t]*\n\w+:", text):
        raise InputError(f"{path}: the front matter has no end; close it with a line `---`")
    system, user, line = text[start:], "{{ text }}", 1
    if divider := DIVIDER.search(text, start):
        system, user = text[start : divider.start()], text[divider.end() :]
        line = text.count("\n", 0, divider.end()) + 1 + user[: len(user) - len(user.lstrip())].count("\n")
    if not (system.strip() or divider):
        raise InputError(f"{path}: there is no prompt in it; write what to ask, or name another in {variable}=")
    return PromptFile(path, system.strip(), user.strip() or "{{ text }}", line, fields)


def read(path: str, variable: str) -> str:
    """The text of a file that `variable` names. Raises InputError."""
    try:
        text = Path(path).read_text("utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        why = "not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        known = sorted(file.stem for file in shipped().glob("*.md")) if variable == "PROMPT" else ()
        or_one = f", or one of {', '.join(known)}" if known else ""
        raise InputError(f"{path}: {why}; name a text file in {variable}={or_one}") from None
    if not text.strip():
        raise InputError(f"{path}: the file is empty; write the prompt into it, or name another in {variable}=")
    return text


def _fields(text: str, path: str) -> dict[str, Any]:
    import yaml

    try:
        fields = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        mark, why = getattr(error, "problem_mark", None), getattr(error, "problem", None) or error
        line = f":{mark.line + 2}" if mark else ""  # its first line is the divider
        raise InputError(f"{path}{line}: the front matter is not YAML: {clean(why)}") from None
    known = sorted(schemas.schema("prompt")["properties"])
    if isinstance(fields, dict) and (odd := [name for name in fields if name not in known]):
        raise InputError(f"{path}: front matter: no field {clean(odd[0], 40)!r}; it may have {', '.join(known)}")
    if not schemas.is_valid("prompt")(fields):
        raise InputError(f"{path}: front matter: {next(schemas.faults('prompt', fields), 'a number that is none')}")
    return fields


def listed() -> list[PromptFile]:
    """The prompts in data/prompts that say what they are about, by name."""
    return [prompt for path in sorted(shipped().glob("*.md")) if (prompt := load(str(path))).fields.get("about")]

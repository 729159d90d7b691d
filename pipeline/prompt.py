"""What a request says: the system prompt, the user message and the body's other fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from pipeline.errors import InputError

NAMES = ("id", "title", "show", "episode", "published", "language", "text")
METADATA = "metadata."  # {{ metadata.guest }}: the user's own fields reach a prompt only so
PLACE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
OWN = ("model", "messages", "max_tokens", "temperature", "top_p", "stream", "n")  # EXTRA may not set these


@dataclass(frozen=True)
class Prompt:
    """Makes the body of a request from a transcript. Without a template the user message is the text."""

    model: str
    system: str = ""
    template: str = "{{ text }}"
    max_tokens: int = 4000
    fields: Mapping[str, Any] = field(default_factory=dict)

    def body(self, transcript: Mapping[str, Any]) -> dict[str, Any]:
        """The chat-completions body: model, messages, max_tokens, then what the user added."""
        user = PLACE.sub(lambda place: _value(transcript, place[1]), self.template)
        system = [{"role": "system", "content": self.system}] if self.system else []
        messages = [*system, {"role": "user", "content": user}]
        return {"model": self.model, "messages": messages, "max_tokens": self.max_tokens, **self.fields}


def _value(transcript: Mapping[str, Any], name: str) -> str:
    """What stands for `{{ name }}`; nothing where the transcript does not have it."""
    fields = transcript.get("metadata") or {} if name.startswith(METADATA) else transcript
    value = fields.get(name.removeprefix(METADATA))
    return "" if value is None else str(value)


def load(path: str, variable: str) -> str:
    """The text of a prompt or template file; "" where none is named."""
    if not path:
        return ""
    try:
        text = Path(path).read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = "not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise InputError(f"{path}: {why}; name a text file in {variable}=") from None
    if not text:
        raise InputError(f"{path}: the file is empty; write the prompt into it, or name another in {variable}=")
    return text


def template(path: str) -> str:
    """The user message with `{{ text }}` and other names in it; an unknown name is an error with its line."""
    text = load(path, "TEMPLATE") or "{{ text }}"
    for number, line in enumerate(text.split("\n"), 1):
        for name in PLACE.findall(line):
            if name not in NAMES and not name.startswith(METADATA):
                known = ", ".join((*NAMES, METADATA + "…"))
                raise InputError(f"{path}:{number}: {{{{ {name} }}}} is no field of a transcript; use {known}")
    if "text" not in PLACE.findall(text):
        raise InputError(f"{path}: the template has no {{{{ text }}}}, so no transcript would be sent; add it")
    return text


def extra(words: str) -> dict[str, Any]:
    """EXTRA: a JSON object of further body fields, sent verbatim."""
    if not words:
        return {}
    try:
        fields = orjson.loads(words)
    except ValueError as error:
        raise InputError(f"EXTRA is not JSON: {error}; write EXTRA='{{\"top_k\": 40}}'") from None
    if not isinstance(fields, dict):
        raise InputError("EXTRA must be a JSON object; write EXTRA='{\"top_k\": 40}'")
    if taken := sorted(set(fields) & set(OWN)):
        raise InputError(f"EXTRA may not set {', '.join(taken)}: use MODEL, MAX_TOKENS, TEMPERATURE or TOP_P")
    return fields

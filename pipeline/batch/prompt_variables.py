"""A prompt as the variables and its file say it together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from pipeline.batch import prompt_file
from pipeline.batch.answer_file import answer
from pipeline.batch.custom_id import PART, stem
from pipeline.batch.prompt import COMBINE, MAX_TOKENS, NOBODY, Prompt
from pipeline.errors import InputError, Unencodable
from pipeline.provider import Provider

MOST_NAME = 20  # characters of a prompt's name in a custom_id


OWN = ("model", "messages", "max_tokens", "temperature", "top_p", "stream", "n")  # EXTRA may not set these


def prompts(paths: Sequence[str], *how: Any, **more: Any) -> list[Prompt]:
    """One or several, each as `prompt` makes it. Raises InputError where two have one name."""
    made = [prompt(path, *how, **more) for path in paths]
    if odd := [one.name for one in made if PART.fullmatch(f".{one.name}")]:
        raise InputError(f"a prompt may not be called {odd[0]!r}, as parts are; give the file another name")
    if twice := [name for name, count in Counter(one.name for one in made).items() if count > 1]:
        raise InputError(f"PROMPTS names {twice[0]!r} twice; give one of the files another name")
    return made


def prompt(
    path: str,
    template_path: str = "",
    *,
    model: str = "",
    max_tokens: int | None = None,
    sampling: Mapping[str, float | None] | None = None,
    extra: str = "",
    schema: str = "",
    default_model: str = "",
    default_most: int | None = None,
) -> Prompt:
    """What the variables and the prompt file say together; a variable comes first. Raises InputError."""
    file = prompt_file.load(prompt_file.named(path)) if path else prompt_file.PromptFile("")
    front = file.fields
    chosen = model or front.get("model")
    model = chosen or default_model
    if not model:
        raise InputError("the provider has no default model; name one: `make batch MODEL=…`")
    said = {name: front[name] for name in ("temperature", "top_p") if name in front}
    said |= {name: value for name, value in (sampling or {}).items() if value is not None}
    said |= _free(front.get("extra", {}), f"{file.path}: extra") | extra_fields(extra)
    text, where, line = file.template, file.path or "template", file.line
    if template_path:
        text, where, line = prompt_file.read(template_path, "TEMPLATE").strip(), template_path, 1
    structured = answer(schema or file.answer, file.path) if schema or file.answer else None
    if structured and "response_format" in said:
        raise InputError("EXTRA may not set response_format beside ANSWER, which does")
    most = max_tokens or front.get("max_tokens", default_most or MAX_TOKENS)
    given = [("model", chosen), ("max_tokens", max_tokens or "max_tokens" in front)]
    shots = tuple(front.get("shots", ()))
    name, combine = stem(Path(path).stem, MOST_NAME) if path else "", front.get("combine", COMBINE)
    made = Prompt(
        model, file.system, text, most, said, where, line, structured,
        cache=bool(front.get("cache")), shots=shots, name=name, combine=combine,
        given=tuple(field for field, said in given if said),
    )  # fmt: skip
    made.fill  # noqa: B018 (a template that is none is said here)
    return made


def extra_fields(words: str) -> dict[str, Any]:
    """EXTRA: a JSON object of further body fields, sent verbatim."""
    if not words:
        return {}
    try:
        fields = orjson.loads(words)
    except ValueError as error:
        raise InputError(f"EXTRA is not JSON: {error}; write EXTRA='{{\"top_k\": 40}}'") from None
    if not isinstance(fields, dict):
        raise InputError("EXTRA must be a JSON object; write EXTRA='{\"top_k\": 40}'")
    return _free(fields, "EXTRA")


def _free(fields: dict[str, Any], who: str) -> dict[str, Any]:
    if taken := sorted(set(fields) & set(OWN)):
        raise InputError(f"{who} may not set {', '.join(taken)}: use MODEL, MAX_TOKENS, TEMPERATURE or TOP_P")
    return fields


def expressed(asked: Prompt, provider: Provider) -> Prompt:
    """The prompt as this provider can say it.

    A structured answer that it has no form for is asked for in words; what takes no marks for a cache gets none.
    Raises Unencodable for what it cannot say otherwise either, once and before anything is written.
    """
    for formal in (True, False) if asked.answer else (True,):
        tried = replace(asked, formal=formal, cache=asked.cache and provider.cache is not None)
        try:
            provider.encode({"custom_id": "a", "body": tried.body(NOBODY)})
        except Unencodable:
            if formal and asked.answer:
                continue
            raise
        return tried
    return asked

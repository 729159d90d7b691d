"""What a request says: the system prompt, the user message and the body's other fields."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from pipeline.batch import prompt_file
from pipeline.batch.answer_schema import Answer, answer
from pipeline.batch.custom_id import PART, stem
from pipeline.batch.template import NAMES, Template, template
from pipeline.errors import InputError, Unencodable
from pipeline.provider import Provider

MAX_TOKENS = 4000
COMBINE = """\
The transcript was too long to be read at once. In its place you get the answers that were given for its parts, in \
order. Make one answer of them, as if it were to the whole transcript: keep to what is asked above, say once what \
several parts say, keep names, figures and times as they stand, and do not mention the parts."""
MOST_NAME = 20  # characters of a prompt's name in a custom_id
NOBODY = {"id": "a", "text": ""}  # a transcript to try a prompt on
LITERAL = re.compile(rf"{{{{\s*(?:{'|'.join(NAMES)})\b[^{{}}]*}}}}")
OWN = ("model", "messages", "max_tokens", "temperature", "top_p", "stream", "n")  # EXTRA may not set these


@dataclass(frozen=True)
class Prompt:
    """Makes the body of a request from a transcript. Without a template the user message is the text.

    A structured `answer` is asked for in the body's response_format; or, if not `formal`, in the system prompt.
    """

    model: str
    system: str = ""
    template: str = "{{ text }}"
    max_tokens: int = MAX_TOKENS
    fields: Mapping[str, Any] = field(default_factory=dict)
    where: str = "template"  # the file that the template is in, and its line there
    line: int = 1
    answer: Answer | None = None
    formal: bool = True
    cache: bool = False  # mark what all requests begin with, for a service that keeps it only then
    shots: tuple[Mapping[str, str], ...] = ()  # examples: {"user", "assistant"}
    name: str = ""  # of its file
    given: tuple[str, ...] = ()  # of model, max_tokens and window those that a person says; the others are defaults
    window: int | None = None  # tokens of the model; None: not known
    long: str = "refuse"  # what is done with a transcript that does not fit it: LONG
    combine: str = COMBINE  # what is added to the system prompt where answers to parts are combined

    def body(
        self,
        transcript: Mapping[str, Any],
        *,
        system: str = "",
        above: str = "",
        most: int | None = None,
    ) -> dict[str, Any]:
        """The chat-completions body: model, messages, max_tokens, then what the user added.

        `system` is added to the system prompt, `above` stands over the user message; `most` is max_tokens.
        """
        words = self.answer.words if self.answer and not self.formal else ""
        system = _paragraphs(self.system, system, words)
        messages = [{"role": "system", "content": system}] if system else []
        for shot in self.shots:
            messages += [{"role": role, "content": shot[role]} for role in ("user", "assistant")]
        messages.append({"role": "user", "content": _paragraphs(above, self.fill(transcript))})
        form = {"response_format": self.answer.form} if self.answer and self.formal else {}
        form |= {"cache_prefix": True} if self.cache else {}
        most = most or self.max_tokens
        return {"model": self.model, "messages": messages, "max_tokens": most, **self.fields, **form}

    @property
    def literal(self) -> str:
        """A field of transcripts that the system prompt names as a template would; it is sent as it stands."""
        found = LITERAL.search(self.system)
        return found[0] if found else ""

    @cached_property
    def fill(self) -> Template:
        """The user message of a transcript. Raises InputError for a template that is none."""
        return template(self.template, self.where, self.line)


def _paragraphs(*texts: str) -> str:
    return "\n\n".join(filter(None, texts))


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
    said |= _free(front.get("extra", {}), f"{file.path}: extra") | _extra(extra)
    text, where, line = file.template, file.path or "template", file.line
    if template_path:
        text, where, line = prompt_file.read(template_path, "TEMPLATE").strip(), template_path, 1
    structured = answer(schema or file.answer, file.path) if schema or file.answer else None
    if structured and "response_format" in said:
        raise InputError("EXTRA may not set response_format beside ANSWER, which does")
    most = max_tokens or front.get("max_tokens", MAX_TOKENS)
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


def _extra(words: str) -> dict[str, Any]:
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

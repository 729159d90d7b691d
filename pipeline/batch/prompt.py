"""What a request says: the system prompt, the user message and the body's other fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pipeline.batch.answer_schema import Answer
from pipeline.batch.template import NAMES, Template, template

MAX_TOKENS = 4000
COMBINE = """\
The transcript was too long to be read at once. In its place you get the answers that were given for its parts, in \
order. Make one answer of them, as if it were to the whole transcript: keep to what is asked above, say once what \
several parts say, keep names, figures and times as they stand, and do not mention the parts."""
NOBODY = {"id": "a", "text": ""}  # a transcript to try a prompt on
LITERAL = re.compile(rf"{{{{\s*(?:{'|'.join(NAMES)})\b[^{{}}]*}}}}")


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

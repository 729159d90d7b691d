"""What a request was made from, whatever code made it: the source of its transcript, and what a person asks of it.

Two that were made from the same are one request. So the one that was paid counts, though today's code would read
the transcript better, cut it elsewhere or fit a schema in another way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from pipeline.prompt import COMBINE, Prompt
from pipeline.template import NAMES

OVERLAP = 200  # tokens
# What a prompt can see of a transcript.
SEEN = (*(name for name in NAMES if name not in ("id", "timed")), "segments")


@dataclass(frozen=True)
class Made:
    """`source` is a hash of the bytes that the transcript was read from ("": not known), `reading` of what was read
    (of older releases: two, of which one is it), `asked` of the prompt. `max_tokens` is None where nobody said it,
    `overlap` of what is not in parts.
    """

    source: str
    reading: str
    asked: str
    model: str
    max_tokens: int | None
    long: str
    window: int | None
    overlap: int | None = None

    def same(self, now: Made, given: Container[str]) -> bool:
        """Whether a request that is made of `now` is this one. `given` are fields of the prompt that a person says;
        for the others today's code may have another value."""
        source = now.reading in self.reading or (self.source == now.source != "")
        asked = all(getattr(self, name) == getattr(now, name) for name in ("asked", "model", "max_tokens", "long"))
        window = "window" not in given or self.window == now.window
        overlap = now.overlap == OVERLAP or self.overlap in (None, now.overlap)
        return source and asked and window and overlap


def made(prompt: Prompt, source: str = "", reading: str = "", overlap: int | None = None) -> Made:
    """Of a prompt and a transcript; or of answers that are combined, which are no source."""
    most = prompt.max_tokens if "max_tokens" in prompt.given else None
    return Made(source, reading, _asked(prompt), prompt.model, most, prompt.long, prompt.window, overlap)


def source(transcript: Mapping[str, Any]) -> str:
    """A hash of the file, or of the record in it, with the ENCODING that was given."""
    about = transcript.get("source") or {}
    encoding = f":{about['encoding']}" if about.get("given") else ""
    return f"{about['sha256'][:32]}{encoding}" if about.get("sha256") else ""


def reading(transcript: Mapping[str, Any]) -> str:
    """A hash of all that a prompt can see of it; of the segments alone, where the text was joined from them."""
    joined = (transcript.get("source") or {}).get("joined")
    return _hash([None if joined and name == "text" else transcript.get(name) for name in SEEN])


def _asked(prompt: Prompt) -> str:
    schema = prompt.answer.schema if prompt.answer else None
    combine = "" if prompt.combine == COMBINE else prompt.combine
    more = sorted(prompt.fields.items())
    return _hash([prompt.system, prompt.template, more, schema, prompt.shots, prompt.cache, combine])


def _hash(value: Any) -> str:
    return hashlib.blake2b(orjson.dumps(value), digest_size=16).hexdigest()

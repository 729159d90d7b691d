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
    """`source` is `source` of the transcript; of an older release, which wrote none for records, its `readings`.

    `asked` is a hash of the prompt. `max_tokens` is None where nobody said it, `overlap` of what is not in parts.
    """

    source: str
    asked: str
    model: str
    max_tokens: int | None
    long: str
    window: int | None
    overlap: int | None = None

    def asks(self, now: Made, given: Container[str]) -> bool:
        """Whether this asks what `now` does. `given` are the fields of its prompt that a person says: for others,
        today's code may have another value."""
        asked = all(getattr(self, name) == getattr(now, name) for name in ("asked", "model", "max_tokens", "long"))
        window = "window" not in given or self.window == now.window
        return asked and window and (now.overlap == OVERLAP or self.overlap in (None, now.overlap))


def made(prompt: Prompt, overlap: int | None = None, source: str = "") -> Made:
    """Of a prompt and a source; answers that are combined are no source."""
    most = prompt.max_tokens if "max_tokens" in prompt.given else None
    return Made(source, _asked(prompt), prompt.model, most, prompt.long, prompt.window, overlap)


def source(transcript: Mapping[str, Any]) -> str:
    """`file:` or `record:` and a hash of its bytes, a record's without its id; and the ENCODING that was given."""
    about = transcript.get("source") or {}
    if "sha256" not in about:
        return ""
    encoding = f":{about['encoding']}" if about.get("given") else ""
    return f"{'record' if about.get('record') else 'file'}:{about['sha256'][:32]}{encoding}"


def reading(transcript: Mapping[str, Any]) -> str:
    """A hash of all that a prompt can see of it; of the segments alone, where the text was joined from them."""
    joined = (transcript.get("source") or {}).get("joined")
    return "read:" + _hash([None if joined and name == "text" else transcript.get(name) for name in SEEN])


def readings(transcript: Mapping[str, Any]) -> str:
    """Both that may be: an older release did not write down whether a text stood in a record, or was joined."""
    joined = [reading({**transcript, "source": {"joined": True}})] if "segments" in transcript else []
    return " ".join([reading(transcript), *joined])


def _asked(prompt: Prompt) -> str:
    schema = prompt.answer.schema if prompt.answer else None
    combine = "" if prompt.combine == COMBINE else prompt.combine
    more = sorted(prompt.fields.items())
    return _hash([prompt.system, prompt.template, more, schema, prompt.shots, prompt.cache, combine])


def _hash(value: Any) -> str:
    return hashlib.blake2b(orjson.dumps(value), digest_size=16).hexdigest()

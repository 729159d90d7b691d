"""What a request was made from, whatever code made it: the source of its transcript, and what a person asks of it.

Two that were made from the same are one request. So the one that was paid counts, though today's code would read
the transcript better, cut it elsewhere or fit a schema in another way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import orjson

from pipeline.batch.prompt import COMBINE, Prompt
from pipeline.batch.template import NAMES

OVERLAP = 200  # tokens
# What a prompt can see of a transcript.
SEEN = (*(name for name in NAMES if name not in ("id", "timed")), "segments")


@dataclass(frozen=True)
class Made:
    """`source` is `source` of the transcript, or `parts`; of an older release its `readings` too, as it wrote no
    source for records. `asked` is a hash of the prompt. `given` are those of the last three that a person said.
    """

    source: str
    asked: str
    model: str
    long: str
    max_tokens: int
    window: int | None
    overlap: int | None
    given: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Made:
        """From a row of made/; what a newer release added to it is left out."""
        return cls(**{field.name: row["made"][field.name] for field in fields(cls)})

    def asks(self, now: Made, cut: bool) -> bool:
        """Whether this asks what `now` does. A value that nobody says, then or now, may have changed with the code;
        `overlap` is of requests that are `cut` alone."""
        same = all(getattr(self, name) == getattr(now, name) for name in ("asked", "model", "long"))
        said = {*self.given, *now.given} & {"max_tokens", "window", *(["overlap"] if cut else [])}
        return same and all(getattr(self, name) == getattr(now, name) for name in said)


def made(prompt: Prompt, overlap: int | None = None, source: str = "") -> Made:
    """Of a prompt and a source; `overlap` is None where nobody says it."""
    given = tuple(name for name in ("max_tokens", "window") if name in prompt.given)
    given += ("overlap",) if overlap is not None else ()
    most, overlap = prompt.max_tokens, OVERLAP if overlap is None else overlap
    return Made(source, _asked(prompt), prompt.model, prompt.long, most, prompt.window, overlap, given)


def source(transcript: Mapping[str, Any]) -> str:
    """`file:` or `record:` and a hash of its bytes, a record's without its id; and the ENCODING that was given."""
    about = transcript.get("source") or {}
    if not isinstance(about.get("sha256"), str):
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


def parts(contents: Iterable[bytes]) -> str:
    """The source of a request that combines answers: the lines that asked for them, without their ids."""
    return "parts:" + hashlib.blake2b(b"\n".join(contents), digest_size=16).hexdigest()


def _asked(prompt: Prompt) -> str:
    schema = prompt.answer.schema if prompt.answer else None
    combine = "" if prompt.combine == COMBINE else prompt.combine
    more = sorted(prompt.fields.items())
    return _hash([prompt.system, prompt.template, more, schema, prompt.shots, prompt.cache, combine])


def _hash(value: Any) -> str:
    return hashlib.blake2b(orjson.dumps(value), digest_size=16).hexdigest()

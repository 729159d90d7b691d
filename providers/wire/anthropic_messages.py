"""Lines of Anthropic's Message Batches, made from chat-completions bodies.

request   {"custom_id": str, "params": {Messages}}
output    {"custom_id": str, "result": {"type": "succeeded", "message"} | {"type": "errored", "error"} | {"type"}}

A custom_id on the wire ends in a hash of its request, by which a job is told from one of another prompt.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import orjson

from pipeline.provider import Result
from providers.wire import openai_chat
from providers.wire.anthropic_request import translated
from providers.wire.lenient_json import as_dict, as_text

STEM = 51  # characters of an id on the wire, which has 64, before the hash of its request
FINISH = {
    "end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "model_context_window_exceeded": "length",
    "tool_use": "tool_calls", "refusal": "content_filter",
}  # fmt: skip
ODD = re.compile(r"--|-\.|\.-")  # where two dashes would not be a dot
UNRUN = {"expired": "expired", "canceled": "cancelled"}


def encode(request: Mapping[str, Any]) -> bytes:
    """The request as one line. Its fields are sorted: equal requests are equal bytes."""
    name, params = request["custom_id"], orjson.dumps(dict(sorted(translated(request["body"]).items())))
    return b'{"custom_id":"' + f"{_stem(name)}-{_mark(params)}".encode() + b'","params":' + params + b"}"


def custom_id(wire: str) -> str:
    """A custom_id of the wire without the hash of its request, so that a changed prompt is noticed by it."""
    return re.sub(r"-[0-9a-f]{12}\Z", "", wire).replace("--", ".")


def _stem(name: str) -> str:
    """A custom_id as Messages takes it: two dashes for a dot. What is too long or has two is cut, with a hash."""
    spelled = name.replace(".", "--")
    if len(spelled) <= STEM and not ODD.search(name):
        return spelled
    return f"{re.sub('[-.]+', '-', name)[: STEM - 13].rstrip('-')}-{_mark(name.encode())}"


def decode(line: bytes) -> Result:
    """Any line of the results; a line that makes no sense is a Result without custom_id."""
    row = openai_chat.read(line)
    result = as_dict(row.get("result"))
    name = custom_id(row["custom_id"]) if isinstance(row.get("custom_id"), str) else None
    if result.get("type") == "succeeded":
        return _answer(name, as_dict(result.get("message")))
    if result.get("type") in UNRUN:
        state = UNRUN[result["type"]]
        return Result(name, False, error={"message": f"the request is {state}", "code": state}, outcome=state)
    error = as_dict(as_dict(result.get("error")).get("error"))
    message = error.get("message") or "no answer and no reason given"
    return Result(name, False, error={"message": str(message), "code": as_text(error.get("type"))})


def _mark(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def _answer(name: str | None, message: dict) -> Result:
    blocks = message.get("content") if isinstance(message.get("content"), list) else []
    texts = [str(block.get("text") or "") for block in map(as_dict, blocks) if block.get("type") == "text"]
    text, reason = "".join(texts), message.get("stop_reason")
    thoughts = [str(b.get("thinking") or "") for b in map(as_dict, blocks) if b.get("type") == "thinking"]
    ok = bool(text.strip()) and reason != "refusal"
    refused = {"message": text.strip() or "the answer was refused", "code": "refusal"}
    empty = {"message": "the answer has no text", "code": "no_content"}
    return Result(
        name,
        ok,
        text=text if ok else None,
        error=None if ok else refused if reason == "refusal" else empty,
        finish_reason=FINISH.get(reason, as_text(reason)) if isinstance(reason, str) else None,
        model=as_text(message.get("model")),
        usage=_usage(as_dict(message.get("usage"))),
        reasoning="\n\n".join(filter(None, thoughts)) or None,
    )


def _usage(usage: dict) -> dict[str, Any] | None:
    """In OpenAI's words; what was written to a cache or read from one is part of the prompt."""
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    fresh, written, read, output = (usage[n] if isinstance(usage.get(n), int) else 0 for n in names)
    if not usage:
        return None
    prompt = fresh + written + read
    counts = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
    details = {name: value for name, value in (("cached_tokens", read), ("cache_write_tokens", written)) if value}
    return {**counts, "prompt_tokens_details": details} if details else counts

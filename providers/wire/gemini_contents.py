"""Lines of Gemini's generateContent batch format, made from chat-completions bodies.

request   {"key": str, "request": {"model": "models/…", "contents", "systemInstruction", "generationConfig", …}}
output    {"key": str, "response": {"candidates": [{"content": {"parts"}, "finishReason"}], "usageMetadata", …}}
error     {"key": str, "error": {"code", "message"}}

A field of OpenAI's that the format cannot express is refused by its name. Any other field is Gemini's own and goes
into the request as it is; what a body says twice must agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pipeline.provider import Result
from providers.wire.gemini_request import REFUSED, translated
from providers.wire.lenient_json import as_dict, as_object, as_text
from providers.wire.openai_chat import failure

__all__ = ["REFUSED", "count", "decode", "encode"]

FINISH = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    **dict.fromkeys(("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"), "content_filter"),
    **dict.fromkeys(("ESCALATION", "MODEL_ARMOR", "PUP_LIMITED_DISABLED"), "content_filter"),
}


def encode(request: Mapping[str, Any]) -> bytes:
    """The request as one line. Its fields are sorted: equal requests are equal bytes."""
    body = {name: value for name, value in sorted(request["body"].items()) if value is not None}
    line = {"key": request["custom_id"], "request": dict(sorted(translated(body).items()))}
    return orjson.dumps(line)


def decode(line: bytes) -> Result:
    """Any line of an output file; a line that makes no sense is a Result without custom_id."""
    row = as_object(line)
    if row is None:
        return Result(None, False, error=failure("the line is not a JSON object"))
    response = as_dict(row.get("response"))
    candidate = _first(response.get("candidates"))
    text, thought = _texts(candidate, False), _texts(candidate, True)
    ok = bool(text.strip())
    reason = as_text(candidate.get("finishReason"))
    return Result(
        as_text(row.get("key")),
        ok,
        text=text if ok else None,
        error=None if ok else _failure(row, response, candidate),
        finish_reason=FINISH.get(reason, reason.lower()) if reason else None,
        model=as_text(response.get("modelVersion")),
        usage=_usage(response.get("usageMetadata")),
        reasoning=thought or None,
    )


def count(value: object) -> int | None:
    """A number of 64 bits, which protobuf's JSON writes as a string; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _texts(candidate: Mapping[str, Any], thoughts: bool) -> str:
    """The text of all parts that are the model's thoughts, or of those that are not."""
    parts = as_dict(candidate.get("content")).get("parts")
    said = [as_dict(part) for part in (parts if isinstance(parts, list) else ())]
    return "".join(as_text(part.get("text")) or "" for part in said if (part.get("thought") is True) == thoughts)


def _failure(row: dict, response: dict, candidate: dict) -> dict[str, Any]:
    """A row fails by an error of its own, by a prompt that was blocked, or by an answer without text."""
    reason = row.get("error") or response.get("error")
    if isinstance(reason, str):
        return failure(reason)
    if isinstance(reason, dict):
        code = reason.get("status") or reason.get("code")
        return failure(
            as_text(reason.get("message")) or "no reason given", code if isinstance(code, str | int) else None
        )
    feedback = as_dict(response.get("promptFeedback"))
    if block := as_text(feedback.get("blockReason")):
        return failure(f"the prompt was blocked: {as_text(feedback.get('blockReasonMessage')) or block}", block)
    if response:
        said = as_text(candidate.get("finishMessage")) or "the answer has no text"
        return failure(said, as_text(candidate.get("finishReason")) or "no_content")
    return failure("no answer and no reason given")


def _usage(value: object) -> dict[str, Any] | None:
    """Token counts by OpenAI's names. There, thoughts are part of the completion."""
    if not isinstance(value, dict):
        return None
    names = ("prompt", "toolUsePrompt", "candidates", "thoughts", "total", "cachedContent")
    counts = [count(value.get(f"{name}TokenCount")) or 0 for name in names]
    prompt, tools, answer, thoughts, total, cached = counts
    usage: dict[str, Any] = {"prompt_tokens": prompt + tools, "completion_tokens": answer + thoughts}
    usage["total_tokens"] = total or sum(usage.values())
    if thoughts:
        usage["completion_tokens_details"] = {"reasoning_tokens": thoughts}
    if cached:
        usage["prompt_tokens_details"] = {"cached_tokens": cached}
    return usage


def _first(value: object) -> dict:
    return as_dict(value[0]) if isinstance(value, list) and value else {}

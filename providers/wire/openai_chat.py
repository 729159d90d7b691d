"""Lines of the OpenAI chat-completions batch format, which most services share.

request   {"custom_id": str, "body": {"model", "messages", ...}}
output    {"custom_id": str, "response": {"status_code": int, "body": {chat.completion}}}
error     {"custom_id": str, "error": {"message", "code"} | str}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson

from pipeline.provider import Result

UNRUN = {"batch_expired": "expired", "batch_cancelled": "cancelled"}  # codes of rows that were never run


def encode(request: Mapping[str, Any]) -> bytes:
    """The request as one line. The fields of the body are sorted: equal requests are equal bytes."""
    body = orjson.dumps(dict(sorted(request["body"].items())))  # a schema's properties have an order that counts
    head = orjson.dumps({name: value for name, value in request.items() if name != "body"})
    return head[:-1] + b',"body":' + body + b"}"


def row(custom_id: str, answer: Any) -> bytes:
    """An answer that came at once, as a line of output."""
    return orjson.dumps({"custom_id": custom_id, "response": {"status_code": 200, "body": answer}})


def decode(line: bytes) -> Result:
    """Any line of an output or error file; a line that makes no sense is a Result without custom_id."""
    row = read(line)
    custom_id = row.get("custom_id") if isinstance(row.get("custom_id"), str) else None
    response = as_dict(row.get("response"))
    body = as_object(response.get("body")) or {}
    if body.get("choices") and response.get("status_code", 200) == 200:
        return _answer(custom_id, body)
    error = _failure(row, response, body)
    return Result(custom_id, False, error=error, outcome=UNRUN.get(error["code"], "error"))


def read(line: bytes) -> dict:
    """The object that a stored line is; one without any field says that it is none."""
    row = as_object(line)
    return {"error": "the line is not a JSON object"} if row is None else row


def _answer(custom_id: str | None, body: dict) -> Result:
    choice = as_dict(body["choices"][0]) if isinstance(body["choices"], list) else {}
    message = as_dict(choice.get("message"))
    aloud, content = _parts(message.get("content"))
    thought, text = thinking(content)
    ok = isinstance(text, str) and bool(text.strip())
    refusal = message.get("refusal")
    return Result(
        custom_id,
        ok,
        text=text if ok else None,
        error=None if ok else failure(refusal or "the answer has no text", "refusal" if refusal else "no_content"),
        finish_reason=as_text(choice.get("finish_reason")),
        model=as_text(body.get("model")),
        reasoning=as_text(message.get("reasoning_content"))
        or as_text(message.get("reasoning"))
        or aloud
        or thought,
        usage=body["usage"] if isinstance(body.get("usage"), dict) and plain(body["usage"]) else None,
    )


def _parts(content: object) -> tuple[str | None, object]:
    """Thoughts and text of a message; some services give a list of parts, and thoughts as parts of their own."""
    if not isinstance(content, list):
        return None, content
    said: dict[bool, list[str]] = {True: [], False: []}
    for part in map(as_dict, content):
        thought = part.get("type") in ("thinking", "reasoning")
        words = part.get("thinking") if thought and "thinking" in part else part.get("text")
        said[thought].append(str(_parts(words)[1] or "") if isinstance(words, list) else str(words or ""))
    return "".join(said[True]) or None, "".join(said[False])


def thinking(text: object) -> tuple[str | None, object]:
    """What open models think aloud, and the answer after it. A template may have opened the tag itself."""
    if not isinstance(text, str) or "think>" not in text:
        return None, text
    thought, closed, answer = text.partition("</think>")
    opened = thought.lstrip().startswith("<think>")
    alone = closed and "<think>" not in thought and _alone(thought, answer)
    if not (opened or alone):
        return None, text
    more, answer = thinking(answer.lstrip()) if answer.lstrip().startswith("<think>") else (None, answer)
    first = thought.lstrip().removeprefix("<think>").strip()
    return "\n\n".join(filter(None, (first, more))) or None, answer.lstrip() if isinstance(answer, str) else answer


def _alone(thought: str, answer: str) -> bool:
    """Whether a closing tag without an opening one is a tag: on a line of its own, or before JSON."""
    return (thought.endswith("\n") and answer.startswith("\n")) or answer.lstrip().startswith(("{", "["))


def _failure(row: dict, response: dict, body: dict) -> dict[str, Any]:
    """Services put the reason in one of three places, as an object or as a string."""
    status = response.get("status_code")
    for reason in (row.get("error"), body.get("error"), body.get("message"), response.get("body")):
        if isinstance(reason, dict) and reason:
            return failure(
                reason.get("message") or plain(reason) or "an error without words", reason.get("code") or status
            )
        if isinstance(reason, str) and reason:
            return failure(reason, status)
    return failure("no answer and no reason given", status)


def failure(message: object, code: object = None) -> dict[str, Any]:
    return {"message": str(message), "code": None if code is None else str(code)}


def as_object(value: object) -> dict | None:
    """A JSON object given as bytes, as a string or as itself."""
    if isinstance(value, bytes | str):
        try:
            value = orjson.loads(value)
        except ValueError:
            value = _lenient(value)
    return value if isinstance(value, dict) else None


def _lenient(value: bytes | str) -> object:
    """What strict JSON refuses and services send: half an emoji as a lone surrogate, NaN in a number."""
    try:
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        plain = json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8", "replace")
        return json.loads(plain)
    except (ValueError, RecursionError):
        return None


def plain(value: object) -> str:
    """A value as JSON; "" for what would not survive it: numbers beyond 64 bits, hundreds of levels."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return ""


def as_dict(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def as_text(value: object) -> str | None:
    return value if isinstance(value, str) else None

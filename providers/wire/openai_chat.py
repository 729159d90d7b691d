"""Lines of the OpenAI chat-completions batch format, which most services share.

request   {"custom_id": str, "body": {"model", "messages", ...}}
output    {"custom_id": str, "response": {"status_code": int, "body": {chat.completion}}}
error     {"custom_id": str, "error": {"message", "code"} | str}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pipeline.provider import Result
from providers.wire.lenient_json import as_dict, as_object, as_text, plain
from providers.wire.thoughts import parts, thinking

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
    aloud, content = parts(message.get("content"))
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

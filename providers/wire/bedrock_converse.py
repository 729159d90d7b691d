"""Lines of Bedrock's batches in the shape of its Converse API, which is one for all models.

request   {"recordId": str, "modelInput": {"messages", "system", "inferenceConfig", ...}}
output    {"recordId", "modelInput", "modelOutput": {"output": {"message"}, "stopReason", "usage"}}
error     {"recordId", "modelInput", "error": {"errorCode", "errorMessage"}}

A recordId is alphanumeric, so the `-`, `_` and `.` of a custom_id are spelled with a Z. The model has no place in a
line (the service refuses it there): the recordId ends in a hash of it, so that another model is another request.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import orjson

from pipeline.provider import Result
from providers.wire.bedrock_request import FOREIGN, OWN, translated
from providers.wire.lenient_json import as_object

__all__ = ["FINISHED", "FOREIGN", "OWN", "custom_id", "decode", "encode"]

SPELLED = {"Z": "Z0", "-": "Z1", "_": "Z2", ".": "Z4"}
PLAIN = {spelled: letter for letter, spelled in SPELLED.items()}
RECORD = re.compile(r"((?:[A-Ya-z0-9]|Z[0124])+)Z3[0-9a-f]{8}")
FINISHED = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
}
USAGE = {"inputTokens": "prompt_tokens", "outputTokens": "completion_tokens", "totalTokens": "total_tokens"}


def encode(request: Mapping[str, Any]) -> bytes:
    """The request as one line, its fields sorted. Raises Unencodable, with the name of the field."""
    body = dict(sorted(request["body"].items()))
    record = _record(request["custom_id"], body.pop("model"))
    return orjson.dumps({"recordId": record, "modelInput": dict(sorted(translated(body).items()))})


def decode(line: bytes) -> Result:
    """Any line of an output file; a line that makes no sense is a Result without custom_id."""
    row = as_object(line)
    if row is None:
        return Result(None, False, error=_error("the line is not a JSON object"))
    name = custom_id(row.get("recordId"))
    answer = as_object(row.get("modelOutput"))
    return Result(name, False, error=_failure(row)) if answer is None else _answer(name, answer)


def custom_id(record: object) -> str | None:
    """The custom_id that a recordId spells; None if it is none of ours."""
    match = RECORD.fullmatch(record) if isinstance(record, str) else None
    return re.sub("Z[0124]", lambda spelled: PLAIN[spelled[0]], match[1]) if match else None


def _record(name: str, model: str) -> str:
    spelled = re.sub("[Z_.-]", lambda letter: SPELLED[letter[0]], name)
    return f"{spelled}Z3{hashlib.sha256(model.encode()).hexdigest()[:8]}"


def _answer(name: str | None, answer: dict[str, Any]) -> Result:
    message = _dict(_dict(answer.get("output")).get("message"))
    blocks = message.get("content") if isinstance(message.get("content"), list) else []
    texts = [_dict(block).get("text") for block in blocks]
    text = "".join(part for part in texts if isinstance(part, str))
    ok, reason = bool(text.strip()), answer.get("stopReason")
    thinking = [_dict(_dict(block).get("reasoningContent")).get("reasoningText") for block in blocks]
    thoughts = [_dict(block).get("text") for block in thinking]
    return Result(
        name,
        ok,
        text=text if ok else None,
        error=None if ok else _error("the answer has no text", "no_content"),
        finish_reason=FINISHED.get(reason, reason) if isinstance(reason, str) else None,
        usage=_usage(_dict(answer.get("usage"))),
        reasoning="\n\n".join(part for part in thoughts if isinstance(part, str)) or None,
    )


def _usage(usage: dict[str, Any]) -> dict[str, int] | None:
    """The counts, under OpenAI's names where it has one."""
    counts = {key: value for key, value in usage.items() if isinstance(value, int) and 0 <= value < 1 << 53}
    return {USAGE.get(key, key): value for key, value in counts.items()} or None


def _failure(row: dict[str, Any]) -> dict[str, Any]:
    reason = row.get("error")
    if isinstance(reason, str) and reason:
        return _error(reason)
    message, code = _dict(reason).get("errorMessage"), _dict(reason).get("errorCode")
    known = str(code) if isinstance(code, str | int) else None
    return _error(message if isinstance(message, str) and message else "no answer and no reason given", known)


def _error(message: str, code: str | None = None) -> dict[str, str | None]:
    return {"message": message, "code": code}


def _dict(value: object) -> dict:
    return value if isinstance(value, dict) else {}

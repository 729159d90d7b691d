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

from pipeline.errors import Unencodable
from pipeline.provider import Result
from providers.wire.openai_chat import as_object

SPELLED = {"Z": "Z0", "-": "Z1", "_": "Z2", ".": "Z4"}
PLAIN = {spelled: letter for letter, spelled in SPELLED.items()}
RECORD = re.compile(r"((?:[A-Ya-z0-9]|Z[0124])+)Z3[0-9a-f]{8}")
INFERENCE = {"max_tokens": "maxTokens", "temperature": "temperature", "top_p": "topP", "stop": "stopSequences"}
# Converse's own top-level fields; they go as they are.
OWN = (
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "guardrailConfig",
    "inferenceConfig",
    "outputConfig",
    "performanceConfig",
    "promptVariables",
    "requestMetadata",
    "serviceTier",
    "toolConfig",
)
# Words of OpenAI's, and two of Converse's that have their place elsewhere. As a model's own fields they would
# be ignored or misread.
FOREIGN = (
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "metadata",
    "modalities",
    "modelId",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "system",
    "tool_choice",
    "tools",
    "top_logprobs",
    "user",
    "verbosity",
    "web_search_options",
)
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
    asked = _messages(body.pop("messages"))
    asked.update(_fields(body))
    return orjson.dumps({"recordId": record, "modelInput": dict(sorted(asked.items()))})


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


def _messages(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """`messages`, and `system` for the system messages, which Converse has before all others."""
    system, rest = [], []
    for number, message in enumerate(messages):
        where, role = f"messages[{number}]", message.get("role")
        if more := sorted(set(message) - {"role", "content"}):
            raise Unencodable(f"{where}.{more[0]}: Converse has no such field")
        content = _content(message.get("content"), where)
        if role in ("system", "developer"):
            if rest:
                raise Unencodable(f"{where}: Converse takes a {role} message before all others only")
            system.extend(content)
        elif role in ("user", "assistant"):
            rest.append({"role": role, "content": content})
        else:
            raise Unencodable(f"{where}.role: Converse has no {role!r}")
    return {"messages": rest, **({"system": system} if system else {})}


def _content(content: Any, where: str) -> list[dict[str, Any]]:
    """Text as a block of text; a block of Converse's own (it has no `type`) as it is."""
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise Unencodable(f"{where}.content: neither text nor a list of blocks")
    for block in blocks:
        if block.get("type", "text") != "text":
            raise Unencodable(f"{where}.content: no block of type {block['type']!r}; write it as Converse has it")
    return [{"text": block.get("text", "")} if "type" in block else block for block in blocks]


def _fields(body: dict[str, Any]) -> dict[str, Any]:
    """Every other field: Converse's own to their places, the rest to the model."""
    own, inference, more = {}, {}, {}
    body = _one_limit(body)
    for field, value in body.items():
        if field in OWN:
            own[field] = value
        elif value is None and field in (*INFERENCE, *FOREIGN):  # OpenAI's way to say: not set
            continue
        elif field in FOREIGN:
            hint = "what a model takes beyond Converse goes into additionalModelRequestFields"
            raise Unencodable(f"{field}: Converse has no such field; {hint}")
        elif field in INFERENCE:
            inference[INFERENCE[field]] = [value] if field == "stop" and isinstance(value, str) else value
        else:
            more[field] = value
    _merge(own, "inferenceConfig", inference)
    _merge(own, "additionalModelRequestFields", more)
    return own


def _one_limit(body: dict[str, Any]) -> dict[str, Any]:
    """The newer name of max_tokens is the same thing."""
    newer = body.pop("max_completion_tokens", None)
    if newer is not None and body.setdefault("max_tokens", newer) != newer:
        raise Unencodable("max_completion_tokens: not the same as max_tokens")
    return body


def _merge(own: dict[str, Any], field: str, fields: dict[str, Any]) -> None:
    if not fields:
        return
    given = own.get(field, {})
    if not isinstance(given, dict):
        raise Unencodable(f"{field}: not an object")
    if twice := sorted(given.keys() & fields.keys()):
        raise Unencodable(f"{field}.{twice[0]}: also given beside it")
    own[field] = {**given, **fields}


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

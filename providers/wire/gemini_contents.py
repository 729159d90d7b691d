"""Lines of Gemini's generateContent batch format, made from chat-completions bodies.

request   {"key": str, "request": {"model": "models/…", "contents", "systemInstruction", "generationConfig", …}}
output    {"key": str, "response": {"candidates": [{"content": {"parts"}, "finishReason"}], "usageMetadata", …}}
error     {"key": str, "error": {"code", "message"}}

A field of OpenAI's that the format cannot express is refused by its name. Any other field is Gemini's own and goes
into the request as it is; what a body says twice must agree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import reduce
from typing import Any

import orjson

from pipeline.errors import Unencodable
from pipeline.provider import Result
from providers.wire.openai_chat import as_dict, as_object, as_text, failure

MODEL = re.compile(r"(models|tunedModels)/[A-Za-z0-9][A-Za-z0-9._-]*")
ROLES = {"user": "user", "assistant": "model"}
CONFIG = {
    "max_tokens": "maxOutputTokens",
    "max_completion_tokens": "maxOutputTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
ALIASES = {"system_instruction": "systemInstruction"}  # protobuf takes both spellings, and not both at once
PLAIN = {"n": 1, "stream": False, "logprobs": False}  # what is the case without the field
REFUSED = {
    "audio", "function_call", "functions", "logit_bias", "logprobs", "metadata", "modalities", "n",
    "parallel_tool_calls", "prediction", "prompt_cache_key", "prompt_cache_retention", "safety_identifier",
    "service_tier", "stream", "stream_options", "tool_choice", "top_logprobs", "user", "verbosity",
    "web_search_options",
}  # fmt: skip
# As Google's own OpenAI-compatible endpoint reads reasoning_effort. Only models before 3 can be told not to think.
BUDGETS = {"none": 0, "minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576}  # tokens
LEVELS = ("minimal", "low", "medium", "high", "xhigh")
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
    content = reduce(_merged, [_said(name, value, body) for name, value in body.items()], {})
    line = {"key": request["custom_id"], "request": dict(sorted(content.items()))}
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


# -- encoding ---------------------------------------------------------------------------------------


def _said(name: str, value: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    """What one field of the body says, as a part of the request."""
    if name in CONFIG:
        return {"generationConfig": {CONFIG[name]: value}}
    if name in SPECIAL:
        return SPECIAL[name](value, body)
    if name in PLAIN and value == PLAIN[name]:
        return {}
    if name in REFUSED:
        raise Unencodable(f"Gemini has no {name}")
    return {ALIASES.get(name, name): value}


def _merged(ours: Any, theirs: Any, path: str = "") -> Any:
    """Both, field by field. Two values for one field are no request."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        both = {name: _merged(ours[name], theirs[name], f"{path}.{name}") for name in ours.keys() & theirs.keys()}
        return {**ours, **theirs, **both}
    if ours != theirs:
        raise Unencodable(f"{path[1:]} is given twice, with different values")
    return ours


def _model(value: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    name = value if value.startswith(("models/", "tunedModels/")) else f"models/{value}"
    if not MODEL.fullmatch(name):
        raise Unencodable(f"model {value!r} is no name of a Gemini model, as gemini-2.5-flash is")
    return {"model": name}


def _messages(value: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    """System messages lead, because the format has one instruction and it stands before all."""
    start = next((at for at, message in enumerate(value) if message.get("role") != "system"), len(value))
    parts = [_part(message, at) for at, message in enumerate(value)]
    contents = [
        {"role": _role(message, at), "parts": [parts[at]]} for at, message in enumerate(value) if at >= start
    ]
    if not contents:
        raise Unencodable("messages holds no message of a user")
    instruction = {"systemInstruction": {"parts": parts[:start]}} if start else {}
    return {"contents": contents, **instruction}


def _role(message: Mapping[str, Any], at: int) -> str:
    role = message.get("role")
    if role not in ROLES:
        raise Unencodable(f"messages[{at}].role: Gemini takes no {role!r} there")
    return ROLES[role]


def _part(message: Mapping[str, Any], at: int) -> dict[str, str]:
    for name in message:
        if name not in ("role", "content") and message[name] is not None:
            raise Unencodable(f"messages[{at}].{name}: Gemini has no such field")
    if not isinstance(message.get("content"), str):
        raise Unencodable(f"messages[{at}].content is not a string")
    return {"text": message["content"]}


def _stop(value: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    return {"generationConfig": {"stopSequences": [value] if isinstance(value, str) else value}}


def _format(value: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    kind = as_dict(value).get("type")
    if kind == "text":
        return {}
    config: dict[str, Any] = {"responseMimeType": "application/json"}
    if kind == "json_schema":
        config["responseJsonSchema"] = _schema(as_dict(value.get("json_schema")))
    elif kind != "json_object":
        raise Unencodable(f"response_format.type: Gemini has no {kind!r}")
    return {"generationConfig": config}


def _schema(given: Mapping[str, Any]) -> Any:
    """The name is only a label, and Gemini always keeps to a schema: both may go."""
    if odd := sorted(set(given) - {"name", "strict", "schema"}):
        raise Unencodable(f"response_format.json_schema.{odd[0]}: Gemini has no such field")
    if not isinstance(given.get("schema"), dict):
        raise Unencodable("response_format.json_schema.schema is no JSON schema")
    return given["schema"]


def _effort(value: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    if "gemini-2" in str(body["model"]) and value in BUDGETS:
        thinking: dict[str, Any] = {"thinkingBudget": BUDGETS[value]}
    elif "gemini-2" not in str(body["model"]) and value in LEVELS:
        thinking = {"thinkingLevel": value.upper()}
    else:
        raise Unencodable(f"reasoning_effort: {body['model']} has no {value!r}")
    return {"generationConfig": {"thinkingConfig": thinking}}


def _tools(value: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    """Gemini's own have the same name and go through."""
    if any("type" in as_dict(tool) for tool in (value if isinstance(value, list) else ())):
        raise Unencodable("tools: these are OpenAI's; write Gemini's own, as [{\"googleSearch\": {}}]")
    return {"tools": value}


def _config(value: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    """Gemini's own settings, in one spelling, so that a field that is there twice is seen."""
    if not isinstance(value, dict):
        raise Unencodable("generationConfig is no JSON object")
    fields = [{"generationConfig": {_camel(name): item}} for name, item in value.items()]
    config = reduce(_merged, fields, {})
    if config and config["generationConfig"].get("candidateCount", 1) != 1:
        raise Unencodable("generationConfig.candidateCount: one answer is read for each request")
    return config


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda letter: letter[1].upper(), name)


SPECIAL = {
    "model": _model,
    "messages": _messages,
    "stop": _stop,
    "response_format": _format,
    "reasoning_effort": _effort,
    "tools": _tools,
    "generationConfig": _config,
    "generation_config": _config,
}


# -- decoding ---------------------------------------------------------------------------------------


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

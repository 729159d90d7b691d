"""A body of chat completions as a request of Gemini's: what each of its fields becomes, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import reduce
from typing import Any

from pipeline.errors import Unencodable
from providers.wire.gemini_messages import messages
from providers.wire.lenient_json import as_dict

MODEL = re.compile(r"(models|tunedModels)/[A-Za-z0-9][A-Za-z0-9._-]*")
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


def translated(body: Mapping[str, Any]) -> dict[str, Any]:
    """All that the body says, in Gemini's words. Raises Unencodable, with the name of the field."""
    return reduce(_merged, [_said(name, value, body) for name, value in body.items()], {})


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
    "messages": messages,
    "stop": _stop,
    "response_format": _format,
    "reasoning_effort": _effort,
    "tools": _tools,
    "generationConfig": _config,
    "generation_config": _config,
}

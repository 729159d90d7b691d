"""A body of chat completions as Converse's request: what each of its fields becomes, and what is refused."""

from __future__ import annotations

from typing import Any

from pipeline.errors import Unencodable

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


def translated(body: dict[str, Any]) -> dict[str, Any]:
    """All that the body says but its model. Raises Unencodable, with the name of the field."""
    asked = _messages(body.pop("messages"))
    asked.update(_fields(body))
    return asked


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

"""A body of chat completions as that of Messages: what each of its fields becomes, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.errors import Unencodable

# Of OpenAI's words: what has no counterpart here.
REFUSED = {
    "n", "seed", "logit_bias", "logprobs", "top_logprobs", "presence_penalty", "frequency_penalty", "stream",
    "stream_options", "functions", "function_call", "parallel_tool_calls", "modalities", "audio", "prediction",
    "verbosity", "store", "web_search_options", "prompt_cache_key", "safety_identifier",
}  # fmt: skip


def translated(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of chat completions as that of Messages. Raises Unencodable for what has no counterpart, by name."""
    body = {name: value for name, value in body.items() if value is not None and (name, value) != ("n", 1)}
    if refused := sorted(REFUSED & set(body)):
        raise Unencodable(f"Messages has no {', '.join(refused)}")
    most = {body.pop(name) for name in ("max_tokens", "max_completion_tokens") if name in body}
    if len(most) != 1:
        raise Unencodable("Messages needs one max_tokens")
    kept = body.pop("cache_prefix", False)
    system, messages = _messages(body.pop("messages"))
    if kept:
        system, messages = _marked(system, messages)
    params = {"messages": messages, "max_tokens": most.pop(), **({"system": system} if system else {})}
    if (stop := body.pop("stop", None)) is not None:
        params["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    if (user := body.pop("user", None)) is not None:
        params["metadata"] = {"user_id": user}
    if output := _output(body.pop("response_format", None), body.pop("reasoning_effort", None)):
        params["output_config"] = output
    _check(body)
    if twice := sorted(set(params) & set(body)):
        raise Unencodable(f"{', '.join(twice)} is given twice, under two names")
    return {**params, **body}


def _messages(messages: list[dict]) -> tuple[str, list[dict]]:
    """The system prompt and the messages of the two speakers."""
    system, rest = [], []
    for message in messages:
        role, content = message.get("role"), message.get("content")
        if role in ("system", "developer"):
            system.append(content)
        elif role in ("user", "assistant"):
            rest.append({"role": role, "content": content})
        else:
            raise Unencodable(f"a message has the role {role!r}")
        kinds = {part.get("type") for part in content} if isinstance(content, list) else set()
        if foreign := kinds & {"image_url", "input_audio", "file", "refusal"}:
            raise Unencodable(f"a message has {', '.join(sorted(foreign))}")
    if any(not isinstance(text, str) for text in system):
        raise Unencodable("a system message is not text")
    return "\n\n".join(system), rest


def _marked(system: str, messages: list[dict]) -> tuple[Any, list[dict]]:
    """A mark at the end of what all requests begin with: the system prompt, or the messages before the last one."""
    if messages[:-1]:
        *before, last = messages[:-1]
        return system, [*before, {**last, "content": _block(last["content"])}, messages[-1]]
    return _block(system) if system else system, messages


def _block(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]


def _output(form: Any, effort: Any) -> dict[str, Any]:
    output = {}
    if isinstance(form, dict) and form.get("type") == "json_schema":
        output["format"] = {"type": "json_schema", "schema": form["json_schema"]["schema"]}
    elif form is not None and form != {"type": "text"}:
        raise Unencodable("response_format may be a json_schema only")
    if effort is not None:
        if effort not in ("low", "medium", "high", "xhigh", "max"):
            raise Unencodable(f"reasoning_effort may not be {effort!r}")
        output["effort"] = effort
    return output


def _check(body: Mapping[str, Any]) -> None:
    """What has the same name in both, and another meaning."""
    if body.get("temperature", 0) > 1:
        raise Unencodable("temperature is at most 1")
    if any(isinstance(tool, dict) and "function" in tool for tool in body.get("tools") or ()):
        raise Unencodable("tools must be in the form of Messages")
    if isinstance(body.get("tool_choice"), str):
        raise Unencodable("tool_choice must be in the form of Messages")

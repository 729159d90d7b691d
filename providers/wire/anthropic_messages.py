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

from pipeline.errors import Unencodable
from pipeline.provider import Result
from providers.wire import openai_chat
from providers.wire.openai_chat import as_dict, as_text

STEM = 51  # characters of an id on the wire, which has 64, before the hash of its request
# Of OpenAI's words: what has no counterpart here.
REFUSED = {
    "n", "seed", "logit_bias", "logprobs", "top_logprobs", "presence_penalty", "frequency_penalty", "stream",
    "stream_options", "functions", "function_call", "parallel_tool_calls", "modalities", "audio", "prediction",
    "verbosity", "store", "web_search_options", "prompt_cache_key", "safety_identifier",
}  # fmt: skip
FINISH = {
    "end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "model_context_window_exceeded": "length",
    "tool_use": "tool_calls", "refusal": "content_filter",
}  # fmt: skip
ODD = re.compile(r"--|-\.|\.-")  # where two dashes would not be a dot
UNRUN = {"expired": "expired", "canceled": "cancelled"}


def encode(request: Mapping[str, Any]) -> bytes:
    """The request as one line. Its fields are sorted: equal requests are equal bytes."""
    name, params = request["custom_id"], orjson.dumps(dict(sorted(_params(request["body"]).items())))
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


def _params(body: Mapping[str, Any]) -> dict[str, Any]:
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

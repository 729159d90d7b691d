"""The messages of a chat as Gemini's contents, and as the one instruction that stands before them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.errors import Unencodable

ROLES = {"user": "user", "assistant": "model"}


def messages(value: Any, body: Mapping[str, Any]) -> dict[str, Any]:
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

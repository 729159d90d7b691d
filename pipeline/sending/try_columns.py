"""Tries for people: what was asked beside what was answered."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import orjson

from pipeline.base.humanize import dollars
from pipeline.errors import clean
from pipeline.sending.try_few import Try

GAP = " │ "
LEAST = 16  # lines of a prompt that are shown beside a short answer


def columns(one: Try, width: int) -> Iterator[str]:
    """A heading, then lines of two columns; of a long prompt as much as the answer has lines."""
    half = (width - len(GAP)) // 2
    yield _heading(one)
    answer = _wrapped(_answer(one), half)
    asked = _wrapped(_asked(one.request["body"]), half)
    room = max(len(answer), LEAST)
    if len(asked) > room:
        asked = [*asked[: room - 1], f"… {len(asked) - room + 1:,} more lines"]
    for left, right in zip_longest(asked, answer, fillvalue=""):
        yield f"{left:<{half}}{GAP}{right}".rstrip()
    yield ""


def _heading(one: Try) -> str:
    usage = one.result.usage or {}
    tokens = f"{usage['prompt_tokens']:,} tokens in, {usage['completion_tokens']:,} out" if _counts(usage) else ""
    paid = "paid for before" if one.kept else "" if one.cost is None else dollars(one.cost)
    said = [outcome(one), one.result.finish_reason or "", tokens, paid]
    return f"{one.request['custom_id']}: {', '.join(filter(None, said))}"


def _counts(usage: Any) -> bool:
    return all(isinstance(usage.get(name), int) for name in ("prompt_tokens", "completion_tokens"))


def outcome(one: Try) -> str:
    return "ok" if one.result.ok else one.result.outcome


def _asked(body: dict[str, Any]) -> str:
    return "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in body["messages"])


def _answer(one: Try) -> str:
    result = one.result
    if result.answer is not None:
        return orjson.dumps(result.answer, option=orjson.OPT_INDENT_2).decode()
    why = [] if result.ok else [f"{result.outcome}: {result.error['message']}"]
    return "\n\n".join([*why, *filter(None, [result.text])])


def _wrapped(text: str, width: int) -> list[str]:
    return [part for line in text.split("\n") for part in _line(line, width)]


def _line(line: str, width: int) -> list[str]:
    """One line in as many as it needs, each as far to the right as it stood."""
    indent = line[: len(line) - len(line.lstrip(" "))][: width // 2]
    how = {"initial_indent": indent, "subsequent_indent": indent}
    return textwrap.wrap(clean(line, 100_000), width, **how) or [""]


def facts(one: Try) -> dict[str, Any]:
    """The same as an object."""
    result = one.result
    return {
        "id": one.carried["id"], "custom_id": one.request["custom_id"], "prompt": one.carried["prompt"],
        "outcome": outcome(one), "text": result.text, "answer": result.answer, "reasoning": result.reasoning,
        "error": result.error, "finish_reason": result.finish_reason, "model": result.model, "usage": result.usage,
        "cost": 0.0 if one.kept else one.cost,
    }  # fmt: skip

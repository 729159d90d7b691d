"""What a model thought before it answered, told from its answer."""

from __future__ import annotations

from providers.wire.lenient_json import as_dict


def parts(content: object) -> tuple[str | None, object]:
    """Thoughts and text of a message; some services give a list of parts, and thoughts as parts of their own."""
    if not isinstance(content, list):
        return None, content
    said: dict[bool, list[str]] = {True: [], False: []}
    for part in map(as_dict, content):
        thought = part.get("type") in ("thinking", "reasoning")
        words = part.get("thinking") if thought and "thinking" in part else part.get("text")
        said[thought].append(str(parts(words)[1] or "") if isinstance(words, list) else str(words or ""))
    return "".join(said[True]) or None, "".join(said[False])


def thinking(text: object) -> tuple[str | None, object]:
    """What open models think aloud, and the answer after it. A template may have opened the tag itself."""
    if not isinstance(text, str) or "think>" not in text:
        return None, text
    thought, closed, answer = text.partition("</think>")
    opened = thought.lstrip().startswith("<think>")
    alone = closed and "<think>" not in thought and _alone(thought, answer)
    if not (opened or alone):
        return None, text
    more, answer = thinking(answer.lstrip()) if answer.lstrip().startswith("<think>") else (None, answer)
    first = thought.lstrip().removeprefix("<think>").strip()
    return "\n\n".join(filter(None, (first, more))) or None, answer.lstrip() if isinstance(answer, str) else answer


def _alone(thought: str, answer: str) -> bool:
    """Whether a closing tag without an opening one is a tag: on a line of its own, or before JSON."""
    return (thought.endswith("\n") and answer.startswith("\n")) or answer.lstrip().startswith(("{", "["))

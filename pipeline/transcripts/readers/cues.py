"""The cues of captions: what follows a line of two times, up to the next such line.

Blank lines end nothing, and a clock may lack its hours or have a dot for a comma.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.transcripts.readers.timestamps import CLOCK, LINE, pairs, seconds

Cue = tuple[float | None, float | None, str]  # start and end in seconds, lines
# What stands before the first cue; the indexes (the last is enough), starts, ends and payloads.
Columns = tuple[str, Sequence[str | None], list[float], list[float], list[str]]

# Groups: the index on the line above (SubRip), start, end. What follows the end are a cue's settings.
# Patterns begin with a newline, not with ^: the engine then jumps from line to line, which is four times as fast.
TIMES = re.compile(
    r"\n(?=[\d \t])(?:[ \t]*(\d{1,9})[ \t]*\n)?"
    rf"[ \t]*({CLOCK})(?: --> |[ \t]*--?>[ \t]*|,(?=\d+:\d+:))({CLOCK})"
    r"(?:[ \t][^\n]*)?(?=\n|\Z)"
)
COMMENT = re.compile(r"\n\n(?:NOTE|STYLE|REGION)(?:[ \t][^\n]*)?(?:\n(?![^\n]*-->)[^\n]+)*(?=\n|\Z)")
CUT = re.compile(r"\n[ \t]*\n(?:[^\n]*\n)?[ \t]*\d+:[\d:.,]*[ \t]*(?:-[^\n]*)?\Z")  # ends inside a line of times


def found(text: str) -> bool:
    """Whether a line of two times is in the text."""
    return TIMES.search("\n" + text) is not None


def cues(text: str, vtt: bool) -> list[Cue]:
    """Each cue's times and payload. The name of the next cue, at the payload's end, is cut off."""
    text = "\n" + text
    if vtt and any(word in text for word in ("\n\nNOTE", "\n\nSTYLE", "\n\nREGION")):
        text = COMMENT.sub("\n", text)
    if tail := CUT.search(text, max(0, len(text) - 500)):
        text = text[: tail.start()]
    head, numbers, starts, ends, payloads = _regular(text) or _any(text, vtt)
    if payloads:
        payloads[-1] = _last(payloads[-1], int(numbers[-1] or -1), vtt)
    before = [] if vtt or not head.strip() else [(None, None, head)]
    return [*before, *zip(starts, ends, payloads, strict=True)]


def _regular(text: str) -> Columns | None:
    """The columns of a file as programs write them, in half the time; None for any other.

    Blank lines part its cues, and nothing else: a cue is an index, or none, a line of times and its words.
    """
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    blocks, numbers = text.strip("\n").split("\n\n"), [None]
    head = "" if "-->" in blocks[0] else blocks.pop(0)
    if not blocks or text.count("->") > len(blocks):
        return None
    if "-->" not in blocks[0].partition("\n")[0]:
        numbers, _, blocks = zip(*[block.partition("\n") for block in blocks], strict=True)
        if not "".join(numbers).isdecimal() or max(map(len, numbers)) > 9:
            return None
    times = pairs([block[:LINE] for block in blocks])
    return (head, numbers, times[::2], times[1::2], [block[LINE:] for block in blocks]) if times else None


def _any(text: str, vtt: bool) -> Columns:
    """The columns of any file of captions."""
    head, *parts = TIMES.split(text)
    numbers, payloads = parts[::4], parts[3::4]
    for at, following in enumerate(numbers[1:]):
        if not payloads[at].endswith("\n"):
            payloads[at] = _without_name(payloads[at], int(numbers[at] or -1), following, vtt)
    starts, ends = parts[1::4], parts[2::4]
    if times := pairs(list(map("{} --> {}\n".format, starts, ends))):
        return head, numbers, times[::2], times[1::2], payloads
    return head, numbers, list(map(seconds, starts)), list(map(seconds, ends)), payloads


def _last(payload: str, index: int, vtt: bool) -> str:
    """The payload at the end of a file, which may have been cut below the name of the cue that follows."""
    if not payload.endswith("\n"):
        payload = _without_name(payload, index, None, vtt)
    return payload if vtt else _without_index(payload, index + 1)


def _without_index(payload: str, following: int) -> str:
    """The last payload of a file that was cut after the index of the cue that follows."""
    above, _, line = payload.rstrip().rpartition("\n")
    before, newline, blank = above.rpartition("\n")
    return before if newline and line.strip(" \t") == str(following) and not blank.strip(" \t") else payload


def _without_name(payload: str, index: int, following: str | None, vtt: bool) -> str:
    """The payload when no blank line ends it: what stands there may be the name of the next cue.

    A SubRip index goes on counting, else it is a number that was said; WebVTT names a cue after a blank line.
    """
    if following:
        return payload if not payload.strip() or int(following) == index + 1 else f"{payload}\n{following}"
    before, _, line = payload.rpartition("\n")
    named = before.endswith("\n") and (vtt or line.strip() == str(index + 1))
    return before if named else payload

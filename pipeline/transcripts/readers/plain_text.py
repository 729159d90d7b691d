"""Plain text and Markdown: turns as people and exporters write them, clocks taken out, all else left alone.

    Name: words              **Name:** \\[08:02\\] words        [00:01:02] Name: words      00:01:02 words
    Name  0:03 / words       *Name (0:03)* / words            Name: 00:01:02 / words      0:03 / words

Markdown is not parsed: a model reads it, and a parser would take `<Oat key>` for a tag.
"""

from __future__ import annotations

import re

from pipeline.transcripts.readers import front_matter, spacelog
from pipeline.transcripts.readers.html_entities import decoded
from pipeline.transcripts.readers.reading import Reading, segment, tidy
from pipeline.transcripts.readers.speaker_turns import cut
from pipeline.transcripts.readers.text_lines import TIME, UNTIL
from pipeline.transcripts.readers.timestamps import seconds

MARKDOWN = re.compile(r"(?:^|\n)(?:#{1,6} |\*\*|__)|\\\[")
TITLE = re.compile(r"\s*# +([^\n]+)")
ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
SHORTCODE = re.compile(r"\{\{[<%][^\n{}]{0,500}[%>]\}\}(?:[ \t]*(?:\n|\Z))?")
FOOTER = re.compile(r"(?:\n|\A)[ \t]*Transcribed by https?://otter\.ai/?\s*\Z")
UNCLEAR = re.compile(rf"([\[(][^\[\]()\d\n]{{3,30}}?)[ \t—@-]+{TIME}(?=_?[\])])")  # [unintelligible 00:02:21.25]
LINKED = re.compile(rf"\[(\[?{TIME}\]?)\]\([^()\s]*\)")  # a clock that is a link into the recording
SQUARE = re.compile(rf"[*_]{{0,2}}\[({TIME}){UNTIL}\][*_]{{0,2}}[ \t]*")
SHORT = 300  # characters: pieces between clocks that are shorter on average are captions, not paragraphs


def matches(text: str) -> bool:
    """Any text is prose."""
    return True


def read(text: str, plain: bool = False) -> Reading:
    """The text as it stands, or its turns where there are any. `plain`: nothing in it is escaped, it is no file."""
    fields, body, warnings = ({}, text, []) if plain else front_matter.split(text)
    vouched = set(fields.get("speakers", ()))
    if spacelog.matches(body):
        reading = spacelog.read(body)
    elif not plain and (fields or MARKDOWN.search(body)):
        reading = _turns(decoded(ESCAPE.sub(r"\1", SHORTCODE.sub("", body))), "markdown", vouched)
        if title := TITLE.match(body):
            fields.setdefault("title", title[1].strip())
    else:
        reading = _turns(FOOTER.sub("", body), "text", vouched)
    reading.fields, reading.warnings = fields, warnings
    return reading


def _turns(text: str, kind: str, vouched: set[str]) -> Reading:
    text = UNCLEAR.sub(r"\1", LINKED.sub(lambda link: f"[{link[1].strip('[]')}]", text))
    squares = [seconds(clock) for clock in SQUARE.findall(text)]
    turns = cut(text, vouched)
    if len(squares) > 1 and squares == sorted(squares):  # a time that was said does not fit the others
        for turn in turns:
            turn.lines = [SQUARE.sub("", line).rstrip() if "[" in line else line for line in turn.lines]
    if len(turns) == 1:
        return Reading(kind, text="\n".join(turns[0].lines).strip())
    said = [(turn, words) for turn in turns if (words := turn.text)]
    segments = tidy(
        segment(words, turn.name, None if words == turn.perhaps else turn.start) for turn, words in said
    )
    captions = not any(turn.name for turn in turns) and sum(len(words) for _, words in said) < SHORT * len(said)
    paragraphs = (f"{turn.name}: {words}" if turn.name else words for turn, words in said)
    return Reading(kind, segments, None if captions else "\n\n".join(paragraphs))

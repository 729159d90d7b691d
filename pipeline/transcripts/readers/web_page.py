"""Web pages: the transcript of the Podcast Namespace (cite, time, p), else the words of the page as plain text."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipeline.transcripts.readers import field_names, page_text, plain_text, xml_captions
from pipeline.transcripts.readers.reading import Reading, letters, segment, tidy
from pipeline.transcripts.readers.timestamps import CLOCK, seconds

PAGE = re.compile(r"<(?:!doctype[ \t\n]+html|html|head|body|meta|title|cite)(?=[\s>/])", re.I)
PART = re.compile(
    r"<(?:p|div|article|section|main|h[1-6]|span|time|[uod]l|blockquote|table|header|pre|link|style|script|hr)(?=[\s>/])",
    re.I,
)
MARKDOWN = re.compile(r"\n(?:#{1,6} |\*\*\w|__\w|```)")  # such a file may begin with a piece of HTML
TIME = re.compile(CLOCK)


def matches(text: str) -> bool:
    """Whether the text begins as a page does, or as a part of one; `<Oat key>` was said."""
    start = xml_captions.start(text)
    if PAGE.match(text, start):
        return True
    return PART.match(text, start) is not None and not MARKDOWN.search(text)


def read(text: str) -> Reading:
    """The turns of a transcript with cite and time, or the words of any page. Raises Unreadable."""
    tree = page_text.parse(text)
    about = _about(tree)
    shown = page_text.words(tree)
    reading = _turns(tree, shown)
    if reading is None:
        if _name_paragraphs(tree):
            shown = page_text.words(tree)
        reading = plain_text.read(shown, plain=True)
        reading.format = "html"
    reading.fields = about | reading.fields
    return reading


def _about(tree: LexborHTMLParser) -> dict[str, str]:
    """Title and language, where the page says them."""
    title = next((name for tag in ("head title", "h1") if (name := _folded(tree.css_first(tag)))), None)
    root = tree.css_first("html")
    made = {"title": title, "language": field_names.language(root.attributes.get("lang")) if root else None}
    return {key: value for key, value in made.items() if value}


def _folded(node: LexborNode | None) -> str:
    return " ".join(node.text().split()) if node is not None else ""


def _turns(tree: LexborHTMLParser, shown: str) -> Reading | None:
    """Segments of cite, time and p, if these hold all words that the page shows; else None."""
    cut = [(node.tag, _folded(node)) for node in tree.css("cite, time, p")]
    if not any(tag == "cite" for tag, _ in cut) or not all(TIME.fullmatch(s) for tag, s in cut if tag == "time"):
        return None
    if letters(words for _, words in cut) != letters([shown]):
        return None
    segments, paragraphs = [], []
    name = start = head = None
    for tag, words in cut:
        if tag == "cite":
            name = head = words.rstrip(" :") or None
        elif tag == "time":
            start = seconds(words)
        elif words:
            segments.append(segment(words, name, start))
            paragraphs.append(f"{head}: {words}" if head else words)
            start = head = None
    return Reading("html", tidy(segments), "\n\n".join(paragraphs)) if segments else None


def _name_paragraphs(tree: LexborHTMLParser) -> bool:
    """Among other words, a name before a time or a paragraph becomes `Name: ` in the paragraph, in the tree."""
    changed = False
    for cite in tree.css("cite"):
        after = _next(cite)
        clock = after is not None and after.tag == "time" and TIME.fullmatch(_folded(after))
        time, paragraph = (after, _next(after)) if clock else (None, after)
        name = _folded(cite).rstrip(" :")
        if name and paragraph is not None and paragraph.tag == "p" and paragraph.child is not None:
            paragraph.child.insert_before(f"{name}: ")
            for node in (cite, time):
                if node is not None:
                    node.decompose()
            changed = True
    return changed


def _next(node: LexborNode) -> LexborNode | None:
    """The element that follows with nothing but white space between."""
    after = node.next
    while after is not None and after.is_text_node and not after.text().strip():
        after = after.next
    return after if after is not None and after.is_element_node else None

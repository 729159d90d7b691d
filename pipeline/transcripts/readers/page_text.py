"""A web page as a tree, and the text that it shows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipeline.transcripts.readers.reading import Unreadable

NO_WORDS = "script, style, noscript, template, head, nav, svg, button, form, iframe, select, audio, video, object"
BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "caption", "center", "cite", "dd", "details", "dialog",
    "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header",
    "hr", "html", "li", "main", "menu", "ol", "p", "pre", "section", "summary", "table", "td", "th", "tr", "ul",
}  # fmt: skip
ENDLESS = {  # elements that are often, or always, left open
    "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "optgroup", "rt", "rp", "area",
    "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
}  # fmt: skip
TAG = re.compile(r"<(/?)([a-z][^\s/>]*)", re.I)
SPACE = re.compile(r"[ \t\n\f\r]+")  # not the non-breaking ones
DEPTH = 1000  # browsers stop at 512


def parse(text: str) -> LexborHTMLParser:
    """The tree of a page. Raises Unreadable for one so deep that parsing would take the square of its length."""
    if _depth(text) > DEPTH:
        raise Unreadable(f"a web page with more than {DEPTH:,} elements inside each other; save its text as .txt")
    return LexborHTMLParser(text.encode("utf-8", "replace"))


def _depth(text: str) -> int:
    """How many elements stand open at most, going by the tags alone."""
    left: Counter[str] = Counter()
    now = most = 0
    for closes, name in TAG.findall(text):
        name = name.lower()
        step = -1 if closes and left[name] else 0 if closes or name in ENDLESS else 1
        left[name] += step
        now += step
        most = max(most, now)
    return most


def words(tree: LexborHTMLParser) -> str:
    """The text of the page: a block is a paragraph, <br> a line, white space is folded outside <pre>.

    Drops from the tree what shows no text that a person said: scripts, menus, forms.
    """
    for node in tree.css(NO_WORDS):
        node.decompose()
    text = "".join(_pieces(tree.root))
    lines = [line if "\0" in line else SPACE.sub(" ", line).strip(" ") for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines).replace("\0", "")).strip("\n")


def _pieces(root: LexborNode | None) -> Iterator[str]:
    """Texts and breaks in their order. By the pointers of the tree: calls cannot go as deep as pages can."""
    node, opened = root, True
    while node is not None:
        if opened:
            yield _text(node)
        if node.tag in BLOCKS:
            yield "\n\n"
        if opened and node.child is not None:
            node = node.child
        elif node.next is not None:
            node, opened = node.next, True
        else:
            node, opened = node.parent, False


def _text(node: LexborNode) -> str:
    if not node.is_text_node:
        return "\n" if node.tag == "br" else ""
    if node.parent is not None and node.parent.tag == "pre":
        return "\0" + node.text().replace("\n", "\n\0")  # a line with a mark is left as it is
    return SPACE.sub(" ", node.text())

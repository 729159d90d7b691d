"""Word documents: the paragraphs of the main part, those in tables too, as plain text."""

from __future__ import annotations

import lzma
import re
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from xml.etree.ElementTree import Element
from zipfile import BadZipFile, ZipFile

from pipeline.transcripts.readers import captions, plain_text, xml_captions
from pipeline.transcripts.readers.reading import Reading, Segment, Unreadable, segment, tidy
from pipeline.transcripts.readers.timestamps import CLOCK, seconds

LIMIT = 64 << 20  # bytes of a part, unpacked
MAIN = re.compile(r"word/document\d*\.xml")  # Word on the web writes document2.xml
OTHERS = {  # what else is a zip, by a file in it
    "xl/workbook.xml": "an Excel workbook; export the transcript as .docx, .txt or .vtt",
    "ppt/presentation.xml": "a PowerPoint file; export the transcript as .docx, .txt or .vtt",
    "content.xml": "an OpenDocument file; save it as .docx or .txt",
    "META-INF/container.xml": "an EPUB; export the transcript as .docx, .html or .txt",
    "Index/Document.iwa": "a Pages document; export it as Word (.docx)",
}
BROKEN = (
    BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
)
W = "wordprocessingml"  # in the namespace of a word, both of Office's and of ISO's
TEXTS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
# Deleted and moved-away text, the ruby reading, tab stops; Fallback says again what Choice says.
SKIP = {"del", "moveFrom", "rt", "pPr", "rPr", "sectPr", "Fallback"}
TEAMS = re.compile(rf"(?:^|\n)[ \t]*({CLOCK}) --> ({CLOCK})[ \t]*\n+([^\n]+)\n+")  # then the words


def read(data: bytes) -> Reading:
    """The words of the document. Raises Unreadable, which says what the zip is, if it is no Word document."""
    try:
        with ZipFile(BytesIO(data)) as archive:
            names = archive.namelist()
            main = next((name for name in names if MAIN.fullmatch(name)), None)
            if main is None:
                raise Unreadable(f"this is {_kind(names)}")
            body = _part(archive, main)
            core = _part(archive, "docProps/core.xml") if "docProps/core.xml" in names else ""
    except BROKEN as error:
        why = "it has a password" if "encrypted" in str(error) else "the zip is damaged"
        raise Unreadable(
            f"a Word document that cannot be opened: {why}; save it again as .docx, or as .txt"
        ) from None
    reading = _reading(text(xml_captions.parse(body)))
    reading.format = "docx"
    if title := _title(core):
        reading.fields["title"] = title
    return reading


def _kind(names: list[str]) -> str:
    return next(
        (kind for name, kind in OTHERS.items() if name in names), "a zip archive; unpack it and name its files"
    )


def _part(archive: ZipFile, name: str) -> str:
    """A part as text, never more of it than LIMIT, whatever size it says that it has."""
    with archive.open(name) as part:
        data = part.read(LIMIT + 1) if archive.getinfo(name).file_size <= LIMIT else bytes(LIMIT + 1)
    if len(data) > LIMIT:
        raise Unreadable(f"a Word document with more than {LIMIT >> 20} MiB of text in it")
    return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")


def _title(core: str) -> str:
    try:
        root = xml_captions.parse(core)
    except Unreadable:
        return ""  # a broken title is no reason to leave the words
    return next((" ".join((node.text or "").split()) for node in root if str(node.tag).endswith("}title")), "")


def text(root: Element) -> str:
    """The text of a document, a blank line between paragraphs, without recursion."""
    lines = [line.rstrip(" \t") for line in "".join(_texts(root)).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def _texts(root: Element) -> Iterator[str]:
    stack: list[Element | str] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
            continue
        space, _, name = str(node.tag).rpartition("}")
        if name in SKIP:
            continue
        if name == "tr" and W in space:
            yield _row(node)
            continue
        if name == "t" and W in space:
            yield node.text or ""
        elif name in TEXTS and W in space:
            yield TEXTS[name]
        if name == "p" and W in space:
            yield "\n\n"
            stack.append("\n\n")
        stack.extend(reversed(node))


def _row(row: Element) -> str:
    """A row of a table: columns of one line each, as clock, name and words have them, or paragraphs."""
    cells = [text(cell) for cell in row if str(cell.tag).endswith("}tc")]
    full = [cell for cell in cells if cell]
    together = (
        "\t".join(full) if 1 < len(full) < 4 and not any("\n" in cell for cell in full[:-1]) else "\n\n".join(full)
    )
    return f"\n\n{together}\n\n"


def _reading(words: str) -> Reading:
    """Turns of older Teams transcripts (times, name, words); captions pasted into a document; or plain text."""
    before, *parts = TEAMS.split(words)
    names = parts[2::4]
    if names and len(set(names)) <= len(names) // 2 + 1:
        return Reading("docx", tidy(_teams(before, parts)))
    return captions.read(words) if captions.matches(words) else plain_text.read(words, plain=True)


def _teams(before: str, parts: list[str]) -> Iterator[Segment]:
    yield segment(before)
    for start, end, name, words in zip(*[iter(parts)] * 4, strict=True):
        yield segment(words, " ".join(name.split()), seconds(start), seconds(end))

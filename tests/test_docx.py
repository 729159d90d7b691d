"""Word documents, by hand and by python-docx; zips that are none, and zips that are broken or bombs."""

from __future__ import annotations

import contextlib
import zipfile
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.transcripts import choose_reader as formats
from pipeline.transcripts.readers import word_document as docx
from pipeline.transcripts.readers.reading import Unreadable, segment

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"
MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"
CORE = '<c:p xmlns:c="x" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{}</dc:title></c:p>'


def zipped(method=zipfile.ZIP_DEFLATED, **files):
    """A zip of the files; `__` in a name stands for `/`."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/"), data)
    return made.getvalue()


def document(body, space=W, **files):
    xml = f'<w:document xmlns:w="{space}" xmlns:mc="{MC}"><w:body>{body}</w:body></w:document>'
    return zipped(**{"word__document.xml": xml} | files)


def paragraph(*texts):
    return "<w:p>" + "<w:r><w:br/></w:r>".join(f"<w:r><w:t>{text}</w:t></w:r>" for text in texts) + "</w:p>"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (paragraph("one") + "<w:p/>" + paragraph("two", "three"), "one\n\ntwo\nthree"),
        ("<w:p><w:r><w:t>a</w:t><w:tab/><w:t> b</w:t><w:cr/><w:t>c</w:t></w:r></w:p>", "a\t b\nc"),
        (paragraph("a") + "<w:p><w:pPr><w:tabs><w:tab w:pos='9'/></w:tabs></w:pPr><w:r><w:t>b</w:t></w:r></w:p>",
         "a\n\nb"),
        ("<w:p><w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:del><w:r><w:delText>old</w:delText></w:r></w:del></w:p>",
         "new"),
        ("<w:p><w:del><w:r><w:t>old</w:t></w:r></w:del></w:p>", ""),
        ("<w:p><w:moveFrom><w:r><w:t>x</w:t></w:r></w:moveFrom><w:moveTo><w:r><w:t>x</w:t></w:r></w:moveTo></w:p>",
         "x"),
        (f"<w:p><w:r><mc:AlternateContent><mc:Choice><w:txbxContent>{paragraph('box')}</w:txbxContent></mc:Choice>"
         f"<mc:Fallback>{paragraph('box')}</mc:Fallback></mc:AlternateContent></w:r></w:p>", "box"),
        (f"<w:tbl><w:tr><w:tc>{paragraph('a')}</w:tc><w:tc>{paragraph('b')}</w:tc></w:tr></w:tbl>{paragraph('c')}",
         "a\tb\n\nc"),
        ("<w:p><w:hyperlink><w:r><w:t>a</w:t></w:r></w:hyperlink><w:r><w:noBreakHyphen/><w:t>x</w:t></w:r></w:p>",
         "a-x"),
        (paragraph("&lt;pk&gt; &amp;amp;"), "<pk> &amp;"),
        ("", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("space", [W, STRICT])
def test_paragraphs(body, words, space):
    reading = docx.read(document(body, space))
    assert (reading.words, reading.format) == (words, "docx")


def test_a_document_of_python_docx():
    writer = pytest.importorskip("docx")
    made = writer.Document()
    made.add_heading("Weekly", 1)
    made.add_paragraph("Ana Lee   0:03\nHello there.")
    made.add_paragraph("Bo Kim   0:09\nHi & bye.")
    made.add_table(1, 2).cell(0, 1).text = "in a cell"
    made.core_properties.title = "Weekly call"
    file = BytesIO()
    made.save(file)
    reading = docx.read(file.getvalue())
    assert formats.zipped(file.getvalue())
    assert reading.fields == {"title": "Weekly call"}
    assert reading.words == "Weekly\n\nAna Lee: Hello there.\n\nBo Kim: Hi & bye.\n\nin a cell"
    assert reading.segments[1] == segment("Hello there.", "Ana Lee", 3.0)


OLD_TEAMS = [("0:0:5.100 --&gt; 0:0:8.250", "Ana Lee", "Hello."), ("0:0:9.0 --&gt; 0:1:8.5", "Bo", "One.", "Two."),
             ("0:2:0.0 --&gt; 0:2:1.0", "Ana Lee", "Bye.")]  # fmt: skip


@pytest.mark.parametrize("whole", [True, False])
def test_older_teams_transcripts_have_times_then_a_name(whole):
    turns = OLD_TEAMS if whole else [[line] for turn in OLD_TEAMS for line in turn]
    body = paragraph("Ana Lee started transcription") + "".join(paragraph(*turn) for turn in turns)
    reading = docx.read(document(body))
    assert reading.segments == [
        segment("Ana Lee started transcription"),
        segment("Hello.", "Ana Lee", 5.1, 8.25),
        segment("One. Two.", "Bo", 9.0, 68.5),
        segment("Bye.", "Ana Lee", 120.0, 121.0),
    ]


def test_captions_pasted_into_a_document():
    times = [f"00:00:0{at},000 --&gt; 00:00:0{at + 1},000" for at in (1, 3, 5)]
    cues = [("1", times[0], "One,", "two."), ("2", times[1], "Three."), ("3", times[2], "Four.", "Five.")]
    reading = docx.read(document("".join(paragraph(*cue) for cue in cues)))
    assert (reading.words, reading.format) == ("One, two. Three. Four. Five.", "docx")


@pytest.mark.parametrize(
    ("core", "fields"), [(CORE.format(" A\n talk "), {"title": "A talk"}), (CORE.format(""), {}), ("<x", {})]
)
def test_the_title(core, fields):
    assert docx.read(document(paragraph("x"), docProps__core=core)).fields == {}
    assert docx.read(document(paragraph("x"), **{"docProps__core.xml": core})).fields == fields


def test_a_document_in_utf_16_and_by_another_name():
    body = f'<?xml version="1.0" encoding="UTF-16"?><w:document xmlns:w="{W}">{paragraph("ü")}</w:document>'
    assert docx.read(zipped(**{"word__document2.xml": body.encode("utf-16")})).words == "ü"


def encrypted():
    data = bytearray(document(paragraph("x")))
    data[6] |= 1  # the flag in the local header, and in the central directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def lying():
    """A bomb whose central directory says that it is small."""
    data = document(" " * (docx.LIMIT + 1))
    at = data.index(b"PK\x01\x02") + 24
    return data[:at] + (1000).to_bytes(4, "little") + data[at + 4 :]


REFUSED = {
    "xlsx": (zipped(**{"xl__workbook.xml": b""}), "Excel"),
    "pptx": (zipped(**{"ppt__presentation.xml": b""}), "PowerPoint"),
    "odt": (zipped(mimetype=b"", **{"content.xml": b""}), "OpenDocument"),
    "epub": (zipped(**{"META-INF__container.xml": b""}), "EPUB"),
    "zip": (zipped(**{"a.txt": b"x"}), "a zip archive"),
    "empty": (zipped(), "a zip archive"),
    "cut": (document(paragraph("x"))[:-30], "damaged"),
    "bad sum": (document(paragraph("x" * 99), method=zipfile.ZIP_STORED).replace(b"xxx", b"xyx"), "damaged"),
    "not utf-8": (zipped(**{"word__document.xml": b"\xff<"}), "damaged"),
    "not xml": (zipped(**{"word__document.xml": b"<w"}), "not well-formed"),
    "entities": (zipped(**{"word__document.xml": b'<!DOCTYPE a [<!ENTITY b "c">]><a/>'}), "DOCTYPE"),
    "password": (encrypted(), "password"),
    "bomb": (document(" " * (docx.LIMIT + 1)), "more than 64 MiB"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_document_is_refused_by_name(name):
    data, why = REFUSED[name]
    with pytest.raises(Unreadable, match=why):
        docx.read(data)


def test_a_bomb_that_lies_about_its_size_is_not_unpacked():
    with pytest.raises(Unreadable):
        docx.read(lying())


def test_deep_documents_are_read():
    assert docx.read(document("<w:sdt>" * 20_000 + paragraph("x") + "</w:sdt>" * 20_000)).words == "x"


@pytest.mark.parametrize(
    ("data", "is_zip"), [(zipped(), True), (document(""), True), (b"PK words", False), (b"", False)]
)
def test_what_is_a_zip(data, is_zip):
    assert formats.zipped(data) is is_zip


WHOLE = document(paragraph("one", "two"), **{"docProps__core.xml": CORE.format("t")})


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=50), st.integers(0, len(WHOLE)), st.integers(0, 40))
def test_any_bytes_are_read_or_refused(new, at, gone):
    for data in (new, b"PK\x03\x04" + new, WHOLE[:at] + new + WHOLE[at + gone :]):
        with contextlib.suppress(Unreadable):
            assert isinstance(docx.read(data).words, str)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_changed_bytes_are_read_or_refused(changes):
    data = bytearray(WHOLE)
    for at, byte in changes:
        data[at] = byte
    with contextlib.suppress(Unreadable):
        assert isinstance(docx.read(bytes(data)).words, str)

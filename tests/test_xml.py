"""XML captions: TTML of Apple and of broadcasters, Podlove, YouTube; other XML and entity bombs are refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.transcripts.readers import xml_captions as xml
from pipeline.transcripts.readers.reading import Unreadable, segment

HEAD = """<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttm="http://www.w3.org/ns/ttml#metadata" xml:lang="en-GB"
 xmlns:ttp="http://www.w3.org/ns/ttml#parameter" xmlns:podcasts="http://example.org/p" ttp:frameRate="25">"""
AGENT = '<ttm:agent type="person" xml:id="S1"><ttm:name type="full">Ana Lee</ttm:name></ttm:agent>'
UNIT = 'podcasts:unit="word"'
APPLE = f"""<?xml version="1.0" encoding="UTF-16"?>
{HEAD}<head><metadata><ttm:title>Talk
 one</ttm:title>{AGENT}</metadata></head><body dur="1:09:04.480"><div>
<p begin="0.220" end="1:17.4" ttm:agent="S1"><span podcasts:unit="sentence" begin="0.220" end="1.5"><span
 begin="0.220" end="0.500" {UNIT}>Welcome</span><span begin="0.500" end="0.9" {UNIT}>to</span><span
 begin="0.9" end="1.5" {UNIT}>it.</span></span><span podcasts:unit="sentence" begin="1:02.5" end="1:17.4"><span
 begin="1:02.5" end="1:09.0">Hi</span><span>,</span><span begin="1:10.0" end="1:17.4">Bo.</span></span></p>
<p begin="1:09:04.480" ttm:agent="S2">Yes &amp; no.<br/>One</p></div></body></tt>
"""


def body(inner):
    return f"{HEAD}<body><div>{inner}</div></body></tt>"


def test_apples_words_get_their_spaces_and_their_speakers():
    reading = xml.read(APPLE)
    assert reading.segments == [
        segment("Welcome to it.", "Ana Lee", 0.22, 1.5),
        segment("Hi, Bo.", "Ana Lee", 62.5, 77.4),
        segment("Yes & no. One", "S2", 4144.48, None),
    ]
    assert reading.words == "Ana Lee: Welcome to it. Hi, Bo.\n\nS2: Yes & no. One"
    assert (reading.format, reading.fields) == ("ttml", {"title": "Talk one", "language": "en-GB"})


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        ("<p><span>one</span> <span>two</span></p>", "one two"),
        ("<p><span>one </span><span>two</span></p>", "one two"),
        ("<p>\n <span>Hel</span><span>lo</span>\n <span>you</span>\n</p>", "Hello you"),
        ("<p><span>one</span><span>two</span></p>", "one two"),
        ("<p><span>one</span><span>!</span></p>", "one!"),
        (f"<p><span><span {UNIT}>one</span><span {UNIT}>two</span></span> <span {UNIT}>three</span></p>",
         "one two three"),
        ("<p>one<br/>two</p><p/><p>three</p>", "one two three"),
        ("<p><metadata>no</metadata>a <em>b</em> c</p>", "a b c"),
        ('<p ttm:agent="A">one <span ttm:agent="B C">two</span> three</p>',
         "Speaker A: one\n\nSpeaker B, Speaker C: two\n\nSpeaker A: three"),
    ],
)  # fmt: skip
def test_spans(inner, words):
    assert xml.read(body(inner)).words == words


def test_a_div_gives_its_agent_to_its_paragraphs():
    text = body("<p>two</p>").replace("<div>", '<div ttm:agent="Ana">')
    assert xml.read(text).words == "Ana: two"


@pytest.mark.parametrize(
    ("clock", "seconds"),
    [
        ("0.220", 0.22), ("1:17.4", 77.4), ("1:09:04.480", 4144.48), ("12.5s", 12.5), ("500ms", 0.5),
        ("1.5m", 90.0), ("2h", 7200.0), ("50f", 2.0), ("3t", 3.0), ("00:00:01:12", 1.48), ("soon", None),
    ],
)  # fmt: skip
def test_clocks(clock, seconds):
    assert xml.read(body(f'<p begin="{clock}">x</p>')).segments[0]["start"] == seconds


def test_end_by_duration():
    assert xml.read(body('<p begin="1s" dur="2s">x</p>')).segments[0]["end"] == 3.0


PODLOVE = """<pst:transcripts version="1.0" xmlns:pst="http://podlove.org/simple-transcripts">
<pst:speech><pst:speaker>Ana</pst:speaker>
<pst:item start="00:00:01.500" end="00:00:02.000">Hi &amp; ho.</pst:item>
<pst:item start="00:00:02.000" end="00:00:03.000">Again.</pst:item></pst:speech>
<pst:speech><pst:speaker>Bo</pst:speaker>
<pst:item start="00:01:00.000" end="00:01:01.000">Yes.</pst:item></pst:speech>
</pst:transcripts>"""


@pytest.mark.parametrize(
    ("text", "kind", "words", "first"),
    [
        (PODLOVE, "podlove xml", "Ana: Hi & ho. Again.\n\nBo: Yes.", (1.5, 2.0)),
        ('<transcript><text start="0.5" dur="1.5">it&amp;#39;s</text><text start="3">on</text></transcript>',
         "youtube xml", "it's on", (0.5, 2.0)),
        ('<timedtext format="3"><head/><body><p t="40" d="2000"><s>so</s><s t="200"> we</s></p>'
         '<p t="9" a="1">\n</p><p t="2040">go</p></body></timedtext>', "youtube xml", "so we go", (0.04, 2.04)),
        ('<timedtext><text t="1000" d="500">one</text></timedtext>', "youtube xml", "one", (1.0, 1.5)),
    ],
)  # fmt: skip
def test_podlove_and_youtube(text, kind, words, first):
    reading = xml.read(text)
    assert (reading.format, reading.words) == (kind, words)
    assert (reading.segments[0]["start"], reading.segments[0]["end"]) == first


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<?xml version='1.0'?><rss><item/></rss>", "root element: rss; export"),
        ("<tt>\n<p>\n</tt>", "not well-formed XML at line 3"),
        ("<tt", "not well-formed"),
        ("", "not well-formed"),
        ('<!DOCTYPE tt [<!ENTITY a "b">]><tt>&a;</tt>', "DOCTYPE"),
        ('<!doctype tt SYSTEM "x"><tt/>', "DOCTYPE"),
        ("<tt>\ud800</tt>", "XML"),
        ("<tt>" + "<div>" * 5000 + "</div>" * 5000 + "</tt>", "inside each other"),
    ],
)
def test_other_xml_is_refused(text, why):
    with pytest.raises(Unreadable, match=why):
        xml.read(text)


@pytest.mark.parametrize(
    ("text", "is_xml"),
    [
        (APPLE, True), (PODLOVE, True), ("\ufeff <tt:tt xmlns:tt='x'>", True), ("<!-- x --><transcript>", True),
        ("<?xml version='1.0'?><rss>", True), ("<?xml version='1.0'?>\n<!DOCTYPE html><html>", False),
        ("<?xml version='1.0'?><html>", False), ("<timedtext>", True), ("<ttx>", False), ("<p>", False),
        ("Ana: <tt>", False), ("<!--" * 50_000, False), ("<!---->" * 50_000, False),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_what_is_xml(text, is_xml):
    assert xml.matches(text) is is_xml


PIECES = st.sampled_from(
    [APPLE, PODLOVE, "<tt>", "</tt>", "<p>", "</p>", '<p begin="1:">', "<span>", "</span>", "<br/>", "words",
     "<transcript>", "</transcript>", '<text start="x">', "</text>", "<!--", "-->", "<![CDATA[", "]]>", "<?xml ?>"]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES | st.text(max_size=3), max_size=8).map("".join))
def test_any_text_is_read_or_refused(text):
    xml.matches(text)
    with contextlib.suppress(Unreadable):
        assert isinstance(xml.read(text).words, str)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([APPLE, PODLOVE]), st.data())
def test_a_file_with_a_piece_cut_out_is_read_or_refused(text, draw):
    at = draw.draw(st.integers(0, len(text)))
    text = text[:at] + draw.draw(st.text("<>/&=\"' x1:", max_size=3)) + text[at + draw.draw(st.integers(0, 9)) :]
    with contextlib.suppress(Unreadable):
        assert isinstance(xml.read(text).words, str)

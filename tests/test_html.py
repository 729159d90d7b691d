"""Web pages: turns with cite and time, plain pages, entities decoded once, and time that grows with length only."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.transcripts.readers import page_text as pages
from pipeline.transcripts.readers import web_page as html
from pipeline.transcripts.readers.reading import Unreadable, segment

TURNS = """<cite>Ana Lee:</cite>
<time>0:00</time>
<p>It&#39;s here,
 &amp;lt; and <b>now</b>.</p>
<p>Still me.</p>
<cite>Bo</cite>
<time>1:02:03</time>
<p>Yes.</p>
"""
PAGE = """<!DOCTYPE html>
<html lang="de-AT"><head><title>A  talk\n &amp; more</title><style>p { color: red }</style></head>
<body><nav>Home</nav><script>var words = "<p>no</p>";</script>
<h1>A talk</h1>
<div>First part,<br>second line.</div><ul><li>one<li>two</ul>
<pre>kept   as
  it is</pre>
<p>Last&nbsp;one.<!-- not this --></p><button>Share</button>
</body></html>
"""


def test_turns_with_cite_and_time():
    reading = html.read(TURNS)
    assert reading.segments == [
        segment("It's here, &lt; and now.", "Ana Lee", 0.0),
        segment("Still me.", "Ana Lee"),
        segment("Yes.", "Bo", 3723.0),
    ]
    assert reading.words == "Ana Lee: It's here, &lt; and now.\n\nStill me.\n\nBo: Yes."
    assert (reading.format, reading.fields, reading.speakers) == ("html", {}, ["Ana Lee", "Bo"])


def test_a_plain_page():
    reading = html.read(PAGE)
    assert reading.words == (
        "A talk\n\nFirst part,\nsecond line.\n\none\n\ntwo\n\nkept   as\n  it is\n\nLast\N{NO-BREAK SPACE}one."
    )
    assert (reading.format, reading.fields) == ("html", {"title": "A talk & more", "language": "de-AT"})


def test_turns_among_other_words_lose_nothing():
    page = f"<html><body><h1>Episode 7</h1><p>Notes.</p>{TURNS}<cite>Ana Lee:</cite> <p>Bye.</p></body></html>"
    reading = html.read(page)
    assert reading.fields["title"] == "Episode 7"
    assert reading.words.startswith("Episode 7\n\nNotes.\n\nAna Lee: It's here, &lt; and now.\n\nStill me.\n\n")
    assert reading.words.endswith("Bo: Yes.\n\nAna Lee: Bye.")
    assert "0:00" not in reading.words


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("<cite>Ana</cite><time>12 May</time><p>Words.</p>", "12 May"),
        ("<cite>Ana</cite><time>0:01</time>words without p", "words without p"),
        ("<p>So <cite>A book</cite> says.</p>", "So"),
        ("<cite>Ana</cite><time>0:01</time>", "Ana"),
        ("<div>a &amp;amp; b &#x27;c&#x27;</div>", "a &amp; b 'c'"),
        ("<p>Ana: one</p><p>Ben: two</p><p>Ana: three</p><p>Ben: four</p>", "Ana: one\n\nBen: two"),
        ("<table><tr><td>left<td>right</table>", "left\n\nright"),
        ("<p>\ud800</p>", "?"),
    ],
)
def test_words_of_other_pages(page, words):
    assert words in html.read(page).words


@pytest.mark.parametrize(
    "text",
    [
        TURNS, PAGE, "\ufeff\n <HTML>", "<head>", "<p>x", "<div class='a'>\n# 1 is a number</div>", "<h2>x</h2>",
        "<!-- saved --><!-- twice -->\n<body>", "<?xml version='1.0'?><!DOCTYPE html PUBLIC 'x'><html>", "<title>x",
        "<article>\nx\n</article>", "<blockquote>x</blockquote>", "<time>0:01</time>",
    ],
)  # fmt: skip
def test_what_is_html(text):
    # `# 1` at the start of a line is how Markdown begins a heading
    assert html.matches(text) == ("\n# " not in text)


@pytest.mark.parametrize(
    "text",
    [
        "<Oat key> is not a tag", "<v Ana>words", "Ana: <p>", "<pk>", "", "<", "<!-- only a comment", "plain",
        "<p align='center'>logo</p>\n\n# Title\n\nwords", "<i>laughs</i>\nwords", "<tt>", "<?xml?><tt>",
    ],
)  # fmt: skip
def test_what_is_not_html(text):
    assert not html.matches(text)


HOSTILE = [
    "<a" * 100_000, "<!--" * 100_000, "<!---->" * 100_000, "<p>" * 100_000, "</p>" * 100_000, "<div>" * 100_000,
    "<b>" * 100_000, "<table>" * 100_000, "<li>x" * 50_000, "<svg>" * 100_000, "<cite>A</cite>" * 30_000,
    "<x" + " a=b" * 100_000 + ">", "&amp" * 100_000, "<pre>" + "\n" * 100_000, "<p>" + " " * 200_000 + "x",
    "<div></div>" * 100_000, "<?xml" * 100_000, "<script>" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:10])
def test_hostile_pages_take_time_by_their_length(text):
    """Each would run for minutes if the work grew with the square of the length."""
    html.matches(text)
    try:
        html.read(text)
    except Unreadable as refused:
        assert "inside each other" in str(refused)


def test_deep_but_plausible_pages_are_read():
    assert html.read("<div>" * 900 + "words" + "</div>" * 900).words == "words"
    assert html.read("<div>x</div>" * 2000).words.count("x") == 2000


def test_depth_is_what_stands_open():
    assert pages._depth("<div><p><p><br><span></span></x></div></div><b>") == 2


PIECES = st.sampled_from(
    ["<cite>", "</cite>", "<time>", "0:01", "<p>", "</p>", "Ana:", " words ", "\n", "<pre>", "<!--", "-->", "<div ",
     "<br/>", "&#0;", "&lt;", "<html lang=", '"en">', "<title>", "</title>", "<table>", "<td>", "<svg>", "<h1>"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join))
def test_any_page_is_read_or_refused(text):
    html.matches(text)
    reading = html.read(text)
    assert isinstance(reading.words, str)

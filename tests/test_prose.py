"""Plain text and Markdown: turns, clocks and front matter, and not a word lost."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.transcripts import choose_reader as formats
from pipeline.transcripts.readers.plain_text import read

TURNS = "Lena: Oats first.\n\nOtto: And rye."
LAYOUTS = {  # as exporters and people write them; each says the same
    "bold": "**Lena:** Oats first.\n\n**Otto:** And rye.",
    "bold, colon outside": "**Lena**: Oats first.\n\n**Otto**: And rye.",
    "bold, no space": "**Lena:**Oats first.\n\n**Otto:**And rye.",
    "bold, escaped clock": "**Lena:** \\[08:02\\] Oats first.\n\n**Otto:** \\[1:08:05\\] And rye.",
    "bold, clock first": "**[00:01] Lena:** Oats first.\n\n**[00:05] Otto:** And rye.",
    "clock, then bold": "[00:01] **Lena:** Oats first.\n\n[00:05] **Otto:** And rye.",
    "bold above": "**Lena** (00:01)\n\nOats first.\n\n**Otto** (00:05)\n\nAnd rye.",
    "underscores": "__Lena__: Oats first.\n\n__Otto__: And rye.",
    "italic above": "*Lena (00:01)*\nOats first.\n\n*Otto (00:05)*\nAnd rye.",
    "clock above": "Lena  0:03  \nOats first.\n\nOtto  1:02:03  \nAnd rye.\n\nTranscribed by https://otter.ai\n",
    "name in brackets": "[Lena] 00:00:01\nOats first.\n\n[Otto] 00:00:05\nAnd rye.",
    "clock in the head": "Lena (00:01): Oats first.\nOtto (00:05): And rye.",
    "clock after the head": "Lena: 00:00:01\n\nOats first.\n\nOtto: 00:00:05\n\nAnd rye.",
    "clock before the head": "[00:01:02] Lena: Oats first.\n[00:01:05] Otto: And rye.",
    "bare clock before the head": "00:01:02 Lena: Oats first.\n00:01:05 Otto: And rye.",
    "heading": "### [00:01] Lena:\n\nOats first.\n\n### [00:05] Otto:\n\nAnd rye.",
    "link": "[00:01](https://a.example/?t=1) **Lena:** Oats first.\n\n[00:05](http://b.example) **Otto:** And rye.",
    "code": "`00:01` **Lena:** Oats first.\n\n`00:05` **Otto:** And rye.",
    "bold clock": "**[00:01]** **Lena:** Oats first.\n\n**00:05** **Otto:** And rye.",
    "bold, bare clock": "**Lena** 00:01\nOats first.\n\n**Otto** *00:05*\nAnd rye.",
    "bullets": "- **Lena:** Oats first.\n- **Otto:** And rye.",
    "quotes and three stars": "> **Lena:** Oats first.\n\n***Otto:*** And rye.",
    "tags": "<b>Lena:</b> Oats first.\n\n<strong>Otto</strong>: And rye.",
    "arrow": "[00:01 → 00:02] Lena: Oats first.\n[00:05 → 00:06] Otto: And rye.",
    "space before the colon": "**Lena :** Oats first.\n\n**Otto :** And rye.",
    "columns": "0:01\tLena\tOats first.\n0:05\tOtto\tAnd rye.",
    "other columns": "Lena\t0:01\tOats first.\nOtto\t0:05\tAnd rye.",
    "brackets": "[Lena]: [0:01] Oats first.\n[Otto]: [0:02] And rye.",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_turns(layout):
    reading = read(LAYOUTS[layout])
    assert reading.words == TURNS
    assert reading.speakers == ["Lena", "Otto"]


@pytest.mark.parametrize(
    "turn",
    [
        "[01:00:00:12 - 01:00:05:10]\n{n}\n{w}",
        "[00:00:05.120] - {n}\n{w}",
        "### [00:00:05] {n}\n\n{w}",
        "{n}\n0:05\n{w}",
        "00:05 {n}\n{w}",
    ],
)
def test_names_on_lines_of_their_own_must_come_again(turn):
    said = [("Lena", "Oats first."), ("Otto", "And rye."), ("Lena", "And barley."), ("Otto", "Yes, barley too.")]
    text = "\n\n".join(turn.format(n=name, w=words) for name, words in said)
    assert read(text).words == "\n\n".join(f"{name}: {words}" for name, words in said)
    assert read("0:00\nOkay\nso we go\n0:04\nRight\nto the mill").words == "Okay so we go Right to the mill"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("At 10:30: boom\nAt 10:40: bang", "At 10:30: boom\nAt 10:40: bang"),
        ("**Cy:** 5:00 yes\n\n**Bo:** 3:16\n\n**Cy:** 7:00\n\nno", "Cy: 5:00 yes\n\nBo: 3:16\n\nCy: no"),
        ("Speaker 1 00:00:05: Oats\nSpeaker 2 00:00:09: Rye", "Speaker 1: Oats\n\nSpeaker 2: Rye"),
        ("John 3:16\n\nJohn 3:17\n\nRuth 1:1", "John 3:16\n\nJohn 3:17\n\nRuth 1:1"),
        ("Lena “Le” Ohm: 00:00:07\n\nOats", "Lena “Le” Ohm: Oats"),
        ("**Ana:** A list:\n- Item: a\n- Item: b\n\n**Bo:** Yes", "Ana: A list:\n- Item: a\n- Item: b\n\nBo: Yes"),
        ("**Ana:** \\[unintelligible 00:02:21.25\\] (unclear — 8:31) so", "Ana: [unintelligible] (unclear) so"),
        ("**Ana:** a\n\n**Jingle:** \\[35:27\\] to \\[35:44\\]\n\n**Bo:** b", "Ana: a\n\nBo: b"),
        (
            "**Ana:** snake\\_case \\@home ?a=1&lt=3 R&D &copy 20 &lt;3",
            "Ana: snake_case @home ?a=1&lt=3 R&D &copy 20 <3",
        ),
        ("**Ana:** [00:03] At [10:30] sharp.\n\n**Bo:** [00:05] Yes.", "Ana: At [10:30] sharp.\n\nBo: Yes."),
        ("**Ana:** *[\\[06:20\\]](https://a.example/w)* So. [07:20](https://a.example) And.", "Ana: So. And."),
        ("### [00:05] Ana\n\nOats.\n\n### [00:09] Bo\n\nRye.", "Ana: Oats.\n\nBo: Rye."),
        ("Oats [00:05] and rye [10:05] and more.", "Oats and rye and more."),
        ("00:00:05\none\ntwo\nthree\nfour\n\n00:01:05\nfive\nsix\nseven\neight", "one two three four five six"),
        (
            "[00:01.1 --> 00:02.2] [SPEAKER_00] oats\n[00:02.2 --> 00:03] [SPEAKER_01] rye",
            "SPEAKER_00: oats\n\nSPEAKER_01: rye",
        ),
        (
            "---\nspeakers: [Lena, Otto]\n---\nLena: Oats.\n\nOtto: Rye.\nBread.",
            "Lena: Oats.\n\nOtto: Rye.\nBread.",
        ),
        ("---\nAna: hi\nBo: ho\n---\nbye", "---\nAna: hi\nBo: ho\n---\nbye"),
    ],
)
def test_what_was_said_is_told_from_markup(text, words):
    assert read(text).words.startswith(words)


def test_names_without_more_than_a_colon_must_come_again():
    text = "Lena: Oats.\nOtto: Rye.\nNote: once.\nLena: Bread.\nOtto: Yes."
    assert read(text).words == "Lena: Oats.\n\nOtto: Rye.\n\nNote: once.\n\nLena: Bread.\n\nOtto: Yes."
    once = read("Question: Why?\n\nAnswer: So.\nThat is all.")
    assert (once.words, once.segments) == ("Question: Why?\n\nAnswer: So.\nThat is all.", [])


CLOCKS = {
    "time per line": "00:00:00 Oats at 10:30\n\n00:00:04 and rye.\n\n00:00:09 Yes.\n",
    "brackets and arrows": (
        "[00:00.000 --> 00:04.000]  Oats at 10:30\n[00:04.000 --> 00:08.000]  and rye.\n"
        "[00:08.000 --> 00:09.000] Yes."
    ),
    "clocks on lines of their own": "0:00\nOats at 10:30\n0:04\nand rye.\n0:09\nYes.\n",
}


@pytest.mark.parametrize("layout", CLOCKS)
def test_clocks_go_and_times_that_were_said_stay(layout):
    reading = read(CLOCKS[layout])
    assert reading.words == "Oats at 10:30 and rye. Yes."
    assert reading.segments[0]["start"] == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "John 3:16 is a verse.\nGenesis 1:1 too.",
        "We met.\n\n10:30 Opening\n\nIt rained, and so we stayed inside.\n\nThen we left.\n\nThat was all.",
        "if a < b and c > d\n\n<Oat key> <CHECK>",
        "{laughs} Yes.\n[Music]\n&lt; is an entity",
        "a * b * c and snake_case_name and __init__",
    ],
)
def test_what_is_no_markup_stays(text):
    assert read(text).words == text


def test_breaks_between_turns_go_and_their_words_stay():
    text = (
        "**Lena:** Oats.\n\n**Break:** \\[08:02\\]\n\nand barley\n\n"
        "**Jingle:** \\[09:00\\] La la\n\n**Break**:\n\n**Otto:** Rye."
    )
    assert read(text).words == "Lena: Oats.\n\nand barley\n\nJingle: La la\n\nOtto: Rye."


def test_markdown_is_unescaped_and_else_left_alone():
    text = "# Of *grain*\n\n- oats &amp; rye \\[laughs\\]\n- `Map<K>`\n\n{{< childpages >}}\n\n| a | b |"
    reading = read(text)
    assert reading.words == "# Of *grain*\n\n- oats & rye [laughs]\n- `Map<K>`\n\n\n| a | b |"
    assert reading.fields == {"title": "Of *grain*"}


def test_front_matter_is_fields_and_not_text():
    text = (
        "---\ntitle: 'Oats: a talk'\ndate: 2024-05-06\nspeakers:\n  - Lena\n  - Otto\nlang: pt_BR\n"
        "episode: 007\nduration: 1:02\ntags: [oats, rye]\nguid: abc\nhost:\n  name: deep\nempty:\n---\nHello."
    )
    reading = read(text)
    assert reading.words == "Hello."
    assert reading.fields == {
        "title": "Oats: a talk", "published": "2024-05-06", "speakers": ["Lena", "Otto"], "language": "pt-BR",
        "episode": "007", "duration": 62.0, "metadata": {"tags": "oats, rye", "guid": "abc"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("matter", "warning"),
    [
        ("title: a: b", "line 2: mapping values are not allowed"),
        ("a: " + "[" * 5000, "line 2"),
        ("when: 2024-13-45\nt: !!python/object:os.system x", ""),
    ],
)
def test_front_matter_that_is_damaged_or_hostile(matter, warning):
    reading = read(f"---\n{matter}\n---\nHello.")
    assert reading.words == "Hello."
    assert warning in "".join(reading.warnings)


def test_front_matter_as_toml():
    reading = read('+++\ntitle = "Grain"\ndate = 2024-05-06\ntags = ["a", "b"]\nn = 7\n+++\nHello.')
    assert reading.words == "Hello."
    if sys.version_info >= (3, 11):
        assert reading.fields == {
            "title": "Grain",
            "published": "2024-05-06",
            "metadata": {"tags": "a, b", "n": "7"},
        }
    assert read("+++\ntitle = \n+++\nHello.").words == "Hello."


@pytest.mark.parametrize("fence", ["---", "+++"])
def test_nothing_between_two_fences_is_no_front_matter(fence):
    assert "Hello." in read(f"{fence}\n\n{fence}\nHello.").words


def test_a_rule_is_no_front_matter():
    assert read("---\n\nHello there.\n\n---\nBye.").words == "---\n\nHello there.\n\n---\nBye."


def test_spacelog():
    text = (
        "[-00:00:00:03]\n_page : 1\nCC: Three,\n     two.\n\n"
        "[00:01:00:00]\nCC:  Go at [glossary:MAX Q|max. Q]\n# unsure\nP: [glossary:SECO].\n"
    )
    reading = read(text)
    assert reading.words == "CC: Three, two.\n\nCC: Go at max. Q\n\nP: SECO."
    assert [piece["start"] for piece in reading.segments] == [-3.0, 3600.0, 3600.0]


WORDS = st.lists(
    st.sampled_from(["oats", "rye", "it", "is", "Bread.", "why?", "<b>", "a:b", "10:30", "x_y"]),
    min_size=1,
    max_size=9,
)
NAMES = st.sampled_from(["Lena", "Otto Ohm", "DR. BO", "SPEAKER_00"])
STAMPS = st.sampled_from(["", "[00:01] ", "\\[1:02:03\\] ", "00:00:05 ", "(0:03) "])
FORMS = st.sampled_from(
    ["**{n}:** {s}{w}", "{n}: {w}", "{s}{n}: {w}", "{w}", "{n}  0:01\n{w}", "{s}{w}", "*{n} (0:01)*\n{w}"]
)


@given(st.lists(st.tuples(FORMS, NAMES, STAMPS, WORDS), min_size=1, max_size=12), st.sampled_from(["\n", "\n\n"]))
def test_no_word_is_lost_or_moved(lines, between):
    """Whatever the layout: the words of the output are the words of the input, in their order."""
    text = between.join(form.format(n=name, s=stamp, w=" ".join(words)) for form, name, stamp, words in lines)
    said = [word for _, _, _, words in lines for word in words if word != "10:30"]
    markup = re.compile(r"[\[\](){}\\*:]|\b\d+:\d+(:\d+)?\b|Lena|Otto Ohm|DR\. BO|SPEAKER_00")
    kept = markup.sub(" ", formats.read(text).words.replace("a:b", "aXb")).replace("aXb", "a:b").split()
    assert kept == said


def test_a_tag_that_nothing_closes_was_said():
    assert formats.read("**Lena:** <b> 10:30").words == "Lena: <b> 10:30"

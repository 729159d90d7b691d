"""Captions with what is wrong in people's files; two other parsers as oracles; hostile bytes."""

from __future__ import annotations

import io
import itertools
import os
from pathlib import Path

import orjson
import pytest
import srt
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.transcripts import choose_reader as formats
from pipeline.transcripts.encoding import decode
from pipeline.transcripts.readers import captions
from pipeline.transcripts.readers import whisper_tsv as tsv
from pipeline.transcripts.readers.reading import Unreadable


def cues(text: str) -> list[tuple]:
    return [(s["start"], s["end"], s["speaker"], s["text"]) for s in captions.read(text).segments]


def vtt(*payloads: str, head: str = "WEBVTT\n\n") -> str:
    """Cues of a second each, from second 1 on."""
    return head + "".join(
        f"00:{n:02}.000 --> 00:{n + 1:02}.000\n{words}\n\n" for n, words in enumerate(payloads, 1)
    )


ONE, TWO = (1.0, 2.0, None, "oats"), (2.0, 3.0, None, "rye")
TRAPS = {
    "no hours": ("WEBVTT\n\n00:01.000 --> 00:02.000\noats\n", [ONE]),
    "one digit of hours": ("WEBVTT\n\n0:00:01.000 --> 0:00:02.000\noats\n", [ONE]),
    "no blank after the header": ("WEBVTT\n00:01.000 --> 00:02.000\noats\n", [ONE]),
    "a hundred hours": ("WEBVTT\n\n100:00:01.000 --> 100:00:02.000\noats\n", [(360001.0, 360002.0, None, "oats")]),
    "minutes past 59": ("WEBVTT\n\n75:00.000 --> 75:01.000\noats\n", [(4500.0, 4501.0, None, "oats")]),
    "settings": ("WEBVTT\n\n00:01.000 --> 00:02.000 align:start position:0%\noats\n", [ONE]),
    "comma in vtt": ("WEBVTT\n\n00:00:01,000 --> 00:00:02,000\noats\n", [ONE]),
    "dots in srt": ("1\n00:00:01.000 --> 00:00:02.000\noats\n", [ONE]),
    "two digits of milliseconds": ("1\n00:00:01,50 --> 00:00:02,00\noats\n", [(1.5, 2.0, None, "oats")]),
    "colon before milliseconds": ("1\n00:00:01:000 --> 00:00:02:000\noats\n", [ONE]),
    "one dash in the arrow": ("1\n00:00:01,000 -> 00:00:02,000\noats\n", [ONE]),
    "no index": ("00:00:01,000 --> 00:00:02,000\noats\n\n00:00:02,000 --> 00:00:03,000\nrye\n", [ONE, TWO]),
    "no blank between": (
        "1\n00:00:01,000 --> 00:00:02,000\noats\n2\n00:00:02,000 --> 00:00:03,000\nrye\n",
        [ONE, TWO],
    ),
    "a number was said": (
        "1\n00:00:01,000 --> 00:00:02,000\n1066\n\n2\n00:00:02,000 --> 00:00:03,000\nrye\n",
        [(1.0, 2.0, None, "1066"), TWO],
    ),
    "a number ends the cue": (
        "1\n00:00:01,000 --> 00:00:02,000\nin\n1066\n00:00:02,000 --> 00:00:03,000\nrye\n",
        [(1.0, 2.0, None, "in 1066"), TWO],
    ),
    "blank line in a cue": (
        "1\n00:00:01,000 --> 00:00:02,000\noats\n\nand barley\n\n2\n00:00:02,000 --> 00:00:03,000\nrye\n",
        [(1.0, 2.0, None, "oats and barley"), TWO],
    ),
    "empty cue": ("1\n00:00:01,000 --> 00:00:02,000\n\n2\n00:00:02,000 --> 00:00:03,000\nrye\n", [TWO]),
    "spaces at the ends": (
        "1 \n00:00:01,000 --> 00:00:02,000  \noats \n \n2\n00:00:02,000 --> 00:00:03,000\nrye\n",
        [ONE, TWO],
    ),
    "tags of srt": ('1\n00:00:01,000 --> 00:00:02,000\n<font color="#abc"><i>oats</i></font>{\\an8}\n', [ONE]),
    "entities": (vtt("bread &amp; wine &lt; it&#39;s"), [(1.0, 2.0, None, "bread & wine < it's")]),
    "literal angles": (vtt("if a < b and c > d"), [(1.0, 2.0, None, "if a < b and c > d")]),
    "literal types": (vtt("a Map<Key> of Set<T>"), [(1.0, 2.0, None, "a Map<Key> of Set<T>")]),
    "literal tags": (
        vtt("Vec<B> or List<1> or a <b and c> d"),
        [(1.0, 2.0, None, "Vec<B> or List<1> or a <b and c> d")],
    ),
    "an address": (vtt("at ?a=1&copy=2 &amp; so"), [(1.0, 2.0, None, "at ?a=1&copy=2 & so")]),
    "a clock was said": (vtt("10:30 → 11:30"), [(1.0, 2.0, None, "10:30 → 11:30")]),
    "an arrow was said": (vtt("oats --> rye"), [(1.0, 2.0, None, "oats --> rye")]),
    "end before start": ("WEBVTT\n\n00:05.000 --> 00:04.000\noats\n", [(5.0, 4.0, None, "oats")]),
    "no duration": ("WEBVTT\n\n00:05.000 --> 00:05.000\noats\n", [(5.0, 5.0, None, "oats")]),
    "voice": (vtt("<v Lena Ohm>oats</v>"), [(1.0, 2.0, "Lena Ohm", "oats")]),
    "voice with a class": (vtt("<v.loud Lena>oats"), [(1.0, 2.0, "Lena", "oats")]),
    "voice with comma, brackets and lines": (
        vtt("<v Ohm, Lena (Guest)>oats\nand rye</v>"),
        [(1.0, 2.0, "Ohm, Lena (Guest)", "oats and rye")],
    ),
    "voice with an entity": (vtt("<v R&amp;D>oats</v>"), [(1.0, 2.0, "R&D", "oats")]),
    "a voice that is not closed": (
        vtt("<v A>oats", "<v rye"),
        [(1.0, 2.0, "A", "oats"), (2.0, 3.0, "A", "<v rye")],
    ),
    "two voices": (vtt("<v A>oats</v>\n<v B>rye</v>"), [(1.0, 2.0, "A", "oats"), (1.0, 2.0, "B", "rye")]),
    "voice goes on": (vtt("<v A>oats", "rye"), [(1.0, 2.0, "A", "oats"), (2.0, 3.0, "A", "rye")]),
    "notes, styles, regions": (
        "WEBVTT - of grain\n\nNOTE confidence: 0.9\nmore\n\nSTYLE\n::cue{}\n\nREGION\nid:r\n\n"
        "1\n00:01.000 --> 00:02.000\nTake NOTE\n",
        [(1.0, 2.0, None, "Take NOTE")],
    ),
    "note between cues": (vtt("oats\n\nNOTE 0.8", "rye"), [ONE, TWO]),
    "named cues": (
        "WEBVTT\n\n7f3a/10-0\n00:01.000 --> 00:02.000\noats\n\n7f3a/11-0\n00:02.000 --> 00:03.000\nrye\n",
        [ONE, TWO],
    ),
    "map of time": (
        "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n00:01.000 --> 00:02.000\noats\n",
        [ONE],
    ),
    "cut in the times": ("WEBVTT\n\n00:01.000 --> 00:02.000\noats\n\n00:02.0", [ONE]),
    "cut after the arrow": ("1\n00:00:01,000 --> 00:00:02,000\noats\n\n2\n00:00:02,000 --> ", [ONE]),
    "cut after the index and a line's end": ("1\n00:00:01,000 --> 00:00:02,000\noats\n\n2\n", [ONE]),
    "cut after the index": ("1\n00:00:01,000 --> 00:00:02,000\noats\n\n2", [ONE]),
    "only a header": ("WEBVTT\n", []),
    "sbv": (
        "0:00:01.000,0:00:02.000\noats[br]and\n\n0:00:02.000,0:00:03.000\nrye\n",
        [(1.0, 2.0, None, "oats and"), TWO],
    ),
    "words before the first cue": (
        "Hello\n\n1\n00:00:01,000 --> 00:00:02,000\noats\n",
        [(None, None, None, "Hello"), ONE],
    ),
}


@pytest.mark.parametrize("name", TRAPS)
def test_traps(name):
    text, expected = TRAPS[name]
    assert captions.matches(text)
    assert cues(text) == expected


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xef\xbb\xbfWEBVTT\r\n\r\n00:01.000 --> 00:02.000\r\noats\r\n", "oats"),
        (b"WEBVTT\r\r00:01.000 --> 00:02.000\roats\r", "oats"),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\no\0ats\n", "o\ufffdats"),
        ("1\n00:00:01,000 --> 00:00:02,000\nZoë’s rye\n".encode("cp1252"), "Zoë’s rye"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nöats\n".encode("utf-16"), "öats"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nöats\n".encode("utf-16-be"), "öats"),
    ],
)
def test_bytes(data, said):
    text, _, _ = decode(data)
    assert cues(text) == [(1.0, 2.0, None, said)]


def test_a_name_is_carried_on_and_a_name_again_is_merged():
    text = vtt("Lena: oats", "and barley", "Otto: rye", "Lena: bread", "Otto: wine", "Ida: once")
    reading = captions.read(text)
    assert reading.words == "Lena: oats and barley\n\nOtto: rye\n\nLena: bread\n\nOtto: wine\n\nIda: once"
    assert reading.speakers == ["Lena", "Otto", "Ida"]


@pytest.mark.parametrize("head", ["[SPEAKER_01]: {}", "(speaker 1) {}", ">> SPEAKER 1: {}", "张三：{}"])
def test_names_as_tools_write_them(head):
    reading = captions.read(vtt(head.format("oats"), head.format("rye")))
    assert [piece["text"] for piece in reading.segments] == ["oats", "rye"]
    assert len(reading.speakers) == 1


def test_names_of_other_forms_open_most_cues():
    said = [("Ohm, Lena", "oats"), ("iPad", "rye (both)"), ("Mary Ann van der Berg", "yes: both")] * 4
    reading = captions.read(vtt(*(f"{name}: {words}" for name, words in said)))
    assert [(piece["speaker"], piece["text"]) for piece in reading.segments] == said


def test_a_head_in_the_middle_of_a_talk_is_speech():
    said = [
        "so",
        "we",
        "saw",
        "the",
        "mill",
        *["and on"] * 20,
        "Problem: it stood",
        "Problem: no wind",
        "then rain",
    ]
    assert captions.read(vtt(*said)).words == " ".join(said)


def test_two_names_in_a_cue():
    assert [(s[2], s[3]) for s in cues(vtt("A: oats\nB: rye", "B: yes\nA: no"))] == [
        ("A", "oats"), ("B", "rye"), ("B", "yes"), ("A", "no"),
    ]  # fmt: skip


def test_a_long_turn_has_paragraphs():
    words = [f"Sentence {n} of a long talk about grain." for n in range(100)]
    paragraphs = captions.read(
        "WEBVTT\n\n" + "".join(f"00:01.000 --> 00:02.000\n{w}\n\n" for w in words)
    ).words.split("\n\n")
    assert " ".join(paragraphs) == " ".join(words)
    assert all(1000 <= len(paragraph) < 1100 for paragraph in paragraphs[:-1])


ROLLING = """WEBVTT
Kind: captions
Language: en

00:00:01.000 --> 00:00:03.000 align:start position:0%
 
the<00:00:01.500><c> mill</c><00:00:02.000><c> stood</c>

00:00:03.000 --> 00:00:03.010 align:start position:0%
the mill stood
 

00:00:03.010 --> 00:00:05.000 align:start position:0%
the mill stood
yes<00:00:03.500><c> yes</c>

00:00:05.000 --> 00:00:05.010 align:start position:0%
yes yes
 

00:00:05.010 --> 00:00:07.000 align:start position:0%
yes yes
yes<00:00:05.500><c> yes</c>
"""  # noqa: W293


def test_rolling_captions_are_folded_and_what_was_said_twice_stays():
    reading = captions.read(ROLLING)
    assert reading.words == "the mill stood yes yes yes yes"
    assert (reading.fields, reading.folded) == ({"language": "en"}, 4)


def test_rolling_captions_without_their_markup_are_folded_too():
    lines = [f"line {n} of it" for n in range(12)]
    pairs = [f"{old}\n{new}" for old, new in itertools.pairwise(lines)]
    holds = [words for pair in pairs for words in (pair, pair.split("\n")[1])]
    for cues in (pairs, holds):
        assert captions.read(vtt(*cues, head="")).words == " ".join(lines)
    assert captions.read(vtt(*pairs[:4], head="")).words == " ".join(lines[:5])
    few = [f"{n}a\n{n}b" for n in range(40)] + pairs[:4]  # four of 44
    for said in (["thank you"] * 40, ["thank\nyou"] * 40, few):
        assert captions.read(vtt(*said)).words == " ".join(said).replace("\n", " ")


def test_what_is_shown_again_once_does_not_roll():
    assert captions.read(ROLLING[: ROLLING.index("00:00:03.010 -->")]).words == "the mill stood the mill stood"


def test_a_head_that_comes_once_in_a_file_without_names_is_speech():
    reading = captions.read(vtt("Question: why?", "so", "it goes"))
    assert (reading.words, reading.speakers) == ("Question: why? so it goes", [])


def test_a_file_that_does_not_roll_keeps_its_repetitions():
    assert captions.read(vtt(*["oats"] * 5)).words == "oats oats oats oats oats"
    assert captions.read(vtt("<u>oats</u>", "oats", "rye", "rye", "rye")).words == "oats oats rye rye rye"


def test_highlighted_words_are_one_cue():
    said = ["the mill", "<u>the</u> mill", "the mill", "the <u>mill</u>"] * 2  # the segment was said twice
    assert captions.read(vtt(*said)).words == "the mill the mill"


def test_language():
    assert captions.read(vtt("oats", head='WEBVTT\n\nNOTE language:en-us\n\nNOTE duration:"1"\n\n')).fields == {
        "language": "en-us"
    }


@pytest.mark.skipif("TRAPS" not in os.environ, reason="TRAPS names a folder of caption files and expected.jsonl")
def test_a_corpus_of_traps():
    folder = Path(os.environ.get("TRAPS", ""))
    for line in (folder / "expected.jsonl").read_bytes().splitlines():
        case = orjson.loads(line)
        text, _, _ = decode((folder / case["file"]).read_bytes())
        expected = [{**cue, "text": folded(cue["text"])} for cue in case["expected"] if cue["text"].strip()]
        assert captions.read(text).segments == expected, case["file"]


# ---- other parsers ------------------------------------------------------------------------------

WORD = st.text(
    st.characters(categories=("Ll", "Lu", "Lo", "Nd"), include_characters="'.,?!-"), min_size=1, max_size=9
)
LINE = st.lists(WORD, min_size=1, max_size=8).map(" ".join)
CUES = st.lists(
    st.tuples(st.integers(0, 20_000_000), st.integers(0, 9_000), st.lists(LINE, min_size=1, max_size=3)),
    min_size=1,
    max_size=12,
)


def clock(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{ms:03}"


def folded(text: str) -> str:
    return " ".join(text.split())


@given(CUES)
def test_vtt_as_another_parser_reads_it(made):
    text = "WEBVTT\n\n" + "".join(
        f"{clock(start, '.')} --> {clock(start + length, '.')}\n" + "\n".join(lines) + "\n\n"
        for start, length, lines in made
    )
    theirs = [(c.start_time.in_milliseconds(), folded(c.text)) for c in webvtt.from_buffer(io.StringIO(text))]
    assert [(round(start * 1000), said) for start, _, _, said in cues(text)] == theirs


@given(CUES, st.sampled_from(["\n", "\r\n"]))
def test_srt_as_another_parser_reads_it(made, end):
    blocks = [
        f"{n}\n{clock(start, ',')} --> {clock(start + length, ',')}\n" + "\n".join(lines) + "\n"
        for n, (start, length, lines) in enumerate(made, 1)
    ]
    text = "\n".join(blocks).replace("\n", end)
    theirs = [(c.start.total_seconds(), c.end.total_seconds(), folded(c.content)) for c in srt.parse(text)]
    assert [(start, stop, said) for start, stop, _, said in cues(decode(text.encode())[0])] == theirs


@given(CUES)
def test_one_transcript_in_three_formats_has_the_same_words(made):
    rows = [(start, start + length, " ".join(lines)) for start, length, lines in made]
    as_srt = "".join(
        f"{n}\n{clock(a, ',')} --> {clock(b, ',')}\n{words}\n\n" for n, (a, b, words) in enumerate(rows, 1)
    )
    as_vtt = "WEBVTT\n\n" + "".join(f"{clock(a, '.')} --> {clock(b, '.')}\n{words}\n\n" for a, b, words in rows)
    as_tsv = "start\tend\ttext\n" + "".join(f"{a}\t{b}\t{words}\n" for a, b, words in rows)
    assert tsv.matches(as_tsv)
    assert captions.read(as_srt).segments == captions.read(as_vtt).segments == tsv.read(as_tsv).segments


SPOILT = [
    ("", ""), ("\n", ""), ("\n1", "\n1 "), ("\n1", "\nname"), ("\n1", "\n1234567890"), ("\n", "\noats\n12"),
    ("\n0", "\n 0"), ("\n0", "\noats 0"), ("00", "0\u0660"), ("00", "0\n"), ("00", "0."), (":", "."), (",", ":"),
    (".0", "00"), ("0 ", " "), (" -->", "-->"), ("-->", "->"), ("0\n", "00\n"), ("0\n", "\n"), ("0\n", "0 so\n"),
]  # fmt: skip
VARIED = (["WEBVTT\n", "", "Title\n"], ["\n", "\n1\n"], *[["oats\n", "Ana: rye\n\n", "\n", "12\n", ""]] * 2,
          ["", "0", "x"], range(3))  # fmt: skip


@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_file_as_programs_write_it_is_read_like_any_other(spoilt):
    """Such a file is cut by a shorter way, which is closed to one with two blanks before its first arrow."""
    for head, index, words, then, end, cut in itertools.product(*VARIED):
        second = f"{index}00:02:00.000 --> 00:00:01,000\n".replace(*spoilt, 1)
        rest = f" --> 00:00:01,000\n{words}{second}{then}"
        rest += f"{index}00:01:00.000 --> 00:02:00.000{end}\nso on\n"[: -cut or None]
        regular, other = (f"{head}{index}00:01:00.000{blank}{rest}" for blank in ("", " "))
        assert captions.read(regular).segments == captions.read(other).segments


# ---- hostile input ------------------------------------------------------------------------------

PIECES = st.sampled_from([
    "WEBVTT", "\n", "\n\n", "00:01.000", " --> ", "00:02.000", "1", "<v ", "<v A>", "</v>", "<c", ">", "&amp;",
    "&#0;", "<00:01.000>", "{\\an8}", "NOTE", "STYLE", ": ", "Ana: ", "[br]", "\t", "start\tend\ttext\n", "---\n",
    "[00:01]", "**",
    "\ufeff", "\0", "９", "：", "Kind: captions", "align:start position:0%", "<u>", "</u>", "a:b:c",
])  # fmt: skip


@settings(max_examples=300)
@given(st.lists(PIECES | st.text(max_size=5), max_size=40).map("".join))
def test_any_text_is_read_or_refused(text):
    try:
        reading = formats.read(decode(text.encode("utf-8", "surrogatepass"))[0])
        assert isinstance(reading.words, str)
    except Unreadable as error:
        assert str(error)


@given(st.binary(max_size=400), st.sampled_from(["", "utf-16", "cp1252", "utf-8"]))
def test_any_bytes_are_text_or_refused(data, encoding):
    try:
        formats.read(decode(data, encoding)[0])
    except Unreadable as error:
        assert str(error)


@given(st.integers(0, len(ROLLING)), st.integers(0, len(ROLLING)))
def test_a_file_that_was_cut_is_read(begin, end):
    formats.read(ROLLING[begin:end])


@pytest.mark.parametrize(
    "text",
    [
        "<v " * 50_000, "WEBVTT\n" + "<i " * 50_000, "1\n" * 50_000, "\n" * 200_000, " " * 200_000, "&" * 100_000,
        "00:01 --> " * 20_000, "a: " * 50_000, "**" * 50_000, "[00:01] " * 20_000, "A" * 200_000 + ":",
        "WEBVTT\n\nNOTE\n" + "x\n" * 50_000, "\n00:00:01.000" * 20_000, "\t" * 100_000, "a b c d e " * 20_000,
        "((((" * 30_000, "{\\" * 50_000, "-\n" * 50_000, "WEBVTT\n" + "\n \n" * 50_000 + "1:2", "\\[" * 50_000,
        "---\n" + "[" * 50_000 + "\n---\n",
    ],
)  # fmt: skip
def test_the_work_is_linear(text):
    """Each of these would run for minutes if a pattern went back over the text for each of its characters."""
    formats.read("WEBVTT\n\n00:01.000 --> 00:02.000\n" + text)
    formats.read(text)

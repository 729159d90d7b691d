"""From transcripts to batch.jsonl: the bytes, the ids, and one clear line for everything that is wrong."""

from __future__ import annotations

import os

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.workspace import Workspace
from pipeline.batch.custom_id import FITS, stem
from pipeline.batch.prompt import Prompt
from pipeline.transcripts.find_files import paths, sources
from pipeline.transcripts.readers.reading import join, segment, tidy
from tests.conftest import ROOT, batched, read_jsonl, write_jsonl

GOLDEN = ROOT / "tests" / "golden"


def test_golden_byte_for_byte(ws, monkeypatch, tmp_path):
    monkeypatch.chdir(GOLDEN)
    monkeypatch.setattr("pipeline.base.workspace.RUNS", tmp_path)
    prompt = Prompt("model-x", "Be brief.", "{{ title }} of {{ show }}:\n\n{{ text }}", 4000, {"temperature": 0.5})
    batched(ws, paths("talks.jsonl notes"), prompt)
    assert ws.transcripts.read_bytes() == (GOLDEN / "transcripts.jsonl").read_bytes()
    assert ws.batch.read_bytes() == (GOLDEN / "batch.jsonl").read_bytes()
    assert ws.index.read_bytes() == (GOLDEN / "index.jsonl").read_bytes()


def test_without_a_template_the_user_message_is_the_text(ws, tmp_path):
    talks = write_jsonl(tmp_path / "t.jsonl", [{"id": "episode-id", "text": "words"}])
    batched(ws, [talks], Prompt("m", "sys"))
    messages = [{"role": "system", "content": "sys"}, {"role": "user", "content": "words"}]
    body = {"model": "m", "messages": messages, "max_tokens": 4000}
    assert read_jsonl(ws.batch) == [{"custom_id": "episode-id", "body": body}]


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("episode-1_B", "episode-1_B"),
        ("a" * 64, "a" * 64),
        ("Über den Fluss", "Uber-den-Fluss-"),
        ("show/2024/ep 1", "show-2024-ep-1-"),
        ("日本語", ""),
    ],
)
def test_custom_id_is_the_id_or_a_slug_with_a_hash(name, made):
    assert stem(name).startswith(made)
    assert FITS.fullmatch(stem(name))
    assert (stem(name) == name) == (made == name)


@given(st.text(min_size=1), st.text(min_size=1))
def test_custom_ids_fit_and_tell_ids_apart(one, other):
    assert FITS.fullmatch(stem(one))
    assert (stem(one) == stem(other)) == (one == other)


def test_ids_that_differ_by_case_are_two(ws, tmp_path):
    talks = write_jsonl(tmp_path / "t.jsonl", [{"id": "A", "text": "x"}, {"id": "a", "text": "x"}])
    assert batched(ws, [talks], Prompt("m")) == 2


def test_text_is_made_from_segments():
    said = [("Ana", "Hello"), ("Ana", " there."), ("Ben", "Hi."), (None, "Yes."), ("Ana", "")]
    assert join(tidy(segment(words, who) for who, words in said)) == "Ana: Hello there.\n\nBen: Hi. Yes."


def test_files_folders_quotes_and_patterns(tmp_path):
    (tmp_path / "my talks" / "deep").mkdir(parents=True)
    for name in ("a.txt", "my talks/b.md", "my talks/deep/c.TXT", "my talks/.hidden.txt", "my talks/x.mp3"):
        (tmp_path / name).write_text("words")
    found = lambda words: [name for _, name in sources(paths(words))]  # noqa: E731
    assert found("my talks") == ["b", "deep/c"]
    assert found("'my talks' a.txt") == ["b", "deep/c", "a"]
    assert found("*.txt") == ["a"]


BAD = {
    "broken JSON": (
        b'{"id": "a", "text": "x"}\n{"id": "b",\n',
        "talks.jsonl:2: not JSON: unexpected end of data at column 12",
    ),
    "missing field": (b'{"id": "a"}\n', "talks.jsonl:1: $: 'text' or 'segments' is required"),
    "wrong type": (b'\n{"id": "a", "text": 7}\n', "talks.jsonl:2: $.text: 7 is not of type 'string'"),
    "unknown field": (b'{"id": "a", "text": "x", "body": "y"}\n', "'body' was unexpected"),
    "id missing": (b'{"text": "x"}\n', "talks.jsonl:1: $: 'id' is a required property"),
    "duplicate id": (
        b'{"id": "a", "text": "x"}\n{"id": "b", "text": "x"}\n{"id": "a", "text": "x"}\n',
        "talks.jsonl:3: $.id: 'a' is also the id at talks.jsonl:1",
    ),
    "control character": (b'{"id": "a\\u0007", "text": "x"}\n', "talks.jsonl:1: $.id: "),
    "blank text": (b'{"id": "a", "text": " "}\n', "talks.jsonl:1: $.text: there are no words in it"),
    "scalar": (b"7\n", "talks.jsonl:1: $: "),
    "NaN": (b'{"id": "a", "text": "x", "duration": NaN}\n', "talks.jsonl:1: not JSON"),
    "lone surrogate": (b'{"id": "a", "text": "\\ud800"}\n', "talks.jsonl:1: not JSON"),
    "deep nesting": (b'{"id": ' + b"[" * 100_000 + b"\n", "talks.jsonl:1: not JSON"),
    "empty file": (b"", "talks.jsonl: no transcripts: the file is empty"),
    "only blank lines": (b"\n \n", "talks.jsonl: no transcripts: the file is empty"),
    "not UTF-8": (b'{"id": "a", "text": "\xff"}\n', "talks.jsonl:1: not UTF-8: byte 0xff at offset 21"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_line_and_writes_nothing(name, run, tmp_path):
    data, message = BAD[name]
    (tmp_path / "talks.jsonl").write_bytes(data)
    code, out, err = run("batch", "talks.jsonl", "--model", "m")
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert "type the same goal again" in err
    assert out == ""
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] in (
        ["talks.jsonl", ".lock"],
        ["talks.jsonl"],
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl: no such file or folder; name it in TRANSCRIPTS="),
        (["empty"], "empty: no transcripts in this folder; it takes captions (.vtt .srt"),
        (["blank.txt"], "blank.txt: no transcript: there are no words in it"),
        (["a.txt", "a.md"], "a.md: $.id: 'a' is also the id at a.txt"),
        (["a.txt", "--provider", "nope"], "no provider 'nope' is installed; `make providers` lists"),
        (["a.txt", "--run", "../x"], "RUN='../x' is no name"),
        (["a.txt", "--prompt", "none.md"], "none.md: No such file or directory; name a text file in PROMPT="),
        (["a.txt", "--template", "t.md"], "t.md:2: {{ who }} is no field of a transcript; use id, title"),
        (["a.txt", "--template", "a.md"], "the template has no {{ text }}"),
        (["a.txt", "--extra", "[1]"], "EXTRA must be a JSON object"),
        (["a.txt", "--extra", '{"model": "x"}'], "EXTRA may not set model"),
        (["a.txt", "--max-tokens", "0"], "--max-tokens 0: a whole number from 1"),
    ],
)
def test_a_wrong_call_is_one_clear_line(words, message, run, tmp_path):
    (tmp_path / "empty").mkdir()
    for name, data in {"a.txt": b"x" * 300, "a.md": b"x", "blank.txt": b" \n"}.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "t.md").write_text("{{ text }}\n{{ who }}")
    code, _, err = run("batch", *words)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.rglob("batch.jsonl"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--transcripts", "nowhere/*.txt"], "nowhere/*.txt: no such file or folder"),
        (["--transcripts", " "], "--transcripts has no value: say one"),
        (["--transcripts", "'a"], "No closing quotation"),
        (["a.txt", "--encoding", "klingon"], "ENCODING=klingon is no encoding; try utf-8"),
        (
            ["a.txt", "--encoding", "ascii"],
            "a.txt: not ascii: 2 places cannot be decoded; mend the file or ENCODING=",
        ),
        (["a.txt", "--errors", "ignore"], "--errors ignore: stop or skip"),
    ],
)
def test_a_wrong_call_of_transcripts_is_one_clear_line(words, message, run, tmp_path):
    (tmp_path / "a.txt").write_text("é" + "x" * 300)
    code, _, err = run("transcripts", *words)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.rglob("transcripts.jsonl"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--budget", "nan"], "--budget nan: a number from 0, like 0.5"),
        (["--budget", "inf"], "--budget inf: a number from 0, like 0.5"),
        (["--price-in", "nan"], "--price-in nan: a number from 0 to 1,000,000, like 0.5"),
        (["--price-out", "1e9"], "--price-out 1000000000.0: a number"),
        (["--budget", "5,00"], "--budget 5,00: a number from 0"),
        (["--budget", "-1"], "--budget -1.0: a number from 0, like 0.5"),
        (["--sample", "0"], "--sample 0: a whole number from 1"),
        (["--queue-jobs", "x"], "--queue-jobs x: a whole number from 1"),
    ],
)
def test_a_bound_that_bounds_nothing_is_refused(words, message, run):
    """Nothing is more than nan, so nothing would be over such a budget."""
    for command in ("plan", "submit"):
        code, _, err = run(command, *words)
        assert code == 2 and message in err and words[0] in err


def test_a_batch_without_transcripts_says_what_to_type(run):
    code, _, err = run("batch", "--model", "m")
    assert code == 2
    assert "transcripts.jsonl: no such file; run `make transcripts TRANSCRIPTS=…`" in err


def test_a_file_name_that_is_not_utf8_is_named(run, tmp_path):
    try:
        (tmp_path / os.fsdecode(b"\xff.txt")).write_text("x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    code, _, err = run("batch", tmp_path, "--model", "m")
    assert code == 2
    assert "the name of this file is not UTF-8" in err


def test_at_most_twenty_faults_are_printed(run, tmp_path):
    (tmp_path / "talks.jsonl").write_bytes(b"{}\n" * 50)
    _, _, err = run("transcripts", "talks.jsonl")
    assert err.count("talks.jsonl:") == 20
    assert "and 80 more" in err


def test_validate_lists_every_fault(run, tmp_path):
    (tmp_path / "talks.jsonl").write_bytes(b"{}\n" * 50)
    code, out, err = run("validate", "talks.jsonl")
    assert code == 2
    assert out.count("talks.jsonl:") == 100
    assert "100 faults; mend the input and type the same again" in err


def test_a_failed_batch_leaves_the_old_one(run, tmp_path):
    talks = write_jsonl(tmp_path / "t.jsonl", [{"id": "a", "text": "x"}])
    run("batch", talks, "--model", "m")
    path = Workspace.of("default", "together").batch
    before = path.read_bytes()
    talks.write_bytes(b"{}\n")
    assert run("batch", talks, "--model", "m")[0] == 2
    assert path.read_bytes() == before


def test_a_template_cannot_be_reached_from_a_transcript(ws, tmp_path):
    talks = write_jsonl(tmp_path / "t.jsonl", [{"id": "a", "title": "T", "text": "{{ title }}"}])
    batched(ws, [talks], Prompt("m", template="{{ text }}"))
    assert orjson.loads(ws.batch.read_bytes())["body"]["messages"][0]["content"] == "{{ title }}"


def test_what_is_written_is_nobody_elses_business(run, tmp_path):
    talks = write_jsonl(tmp_path / "t.jsonl", [{"id": "a", "text": "x"}])
    run("batch", talks, "--model", "m")
    made = list((tmp_path / "data").rglob("*"))
    assert made
    assert all(path.stat().st_mode & 0o077 == 0 for path in made)

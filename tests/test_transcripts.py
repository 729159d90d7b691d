"""The stage `transcripts`: files in, valid records out, and whatever is wrong said once and clearly."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

import schemas
from pipeline.base.duplicate_ids import Ids
from pipeline.base.processes import ordered
from pipeline.base.warning_limit import Notices
from pipeline.transcripts import json_lines as jsonl
from pipeline.transcripts import quality as lint
from pipeline.transcripts import read_file as file
from pipeline.transcripts.encoding import decode
from pipeline.transcripts.ingest import ingest, outcomes
from pipeline.transcripts.readers.field_names import published
from pipeline.transcripts.readers.reading import Reading, Unreadable, segment
from tests.conftest import ROOT, read_jsonl, write_jsonl

LONG = "Oats were sown in the spring and cut in the autumn. " * 5
VTT = f"WEBVTT\n\n00:01.000 --> 00:02.000\n<v Lena>{LONG}\n"
WHISPER = {
    "text": LONG,
    "segments": [{"id": 0, "seek": 0, "start": 0.0, "end": 2.5, "text": LONG}],
    "language": "en",
}


def one(path: Path, data: bytes | str, encoding: str = "") -> file.Outcome:
    """The only outcome of a file with that content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    (outcome,) = file.read(str(path), path.stem, encoding)
    return outcome


def record(outcome: file.Outcome) -> dict:
    assert outcome.faults == []
    made = orjson.loads(outcome.line)
    assert list(schemas.faults("transcript", made)) == []
    return made


# ---- what a record says -------------------------------------------------------------------------


def test_a_record_says_where_it_came_from(tmp_path):
    made = record(one(tmp_path / "2024-05-06-grain.pt-BR.vtt", VTT))
    assert made["id"] == "2024-05-06-grain.pt-BR"
    assert made["title"] == "2024-05-06-grain"
    assert (made["published"], made["language"], made["duration"]) == ("2024-05-06", "pt-BR", 2.0)
    assert made["speakers"] == ["Lena"]
    assert made["text"] == f"Lena: {LONG.strip()}"
    assert made["segments"] == [{"start": 1.0, "end": 2.0, "speaker": "Lena", "text": LONG.strip()}]
    source = made["source"]
    assert (source["path"], source["format"], source["encoding"]) == (
        str(tmp_path / made["id"]) + ".vtt",
        "vtt",
        "utf-8",
    )
    assert len(source["sha256"]) == 64


def test_what_a_file_says_comes_before_its_name(tmp_path):
    text = f"---\ntitle: Grain\ndate: 2020-01-02\nlanguage: de\nguest: Otto\n---\n{LONG}"
    made = record(one(tmp_path / "2024-05-06.es.md", text))
    assert (made["title"], made["published"], made["language"]) == ("Grain", "2020-01-02", "de")
    assert made["metadata"] == {"guest": "Otto"}


@pytest.mark.parametrize(
    ("name", "data", "format"),
    [
        ("talk.srt", VTT, "vtt"),
        ("talk.vtt", "1\n00:00:01,000 --> 00:00:02,000\noats\n", "srt"),
        ("talk.txt", orjson.dumps(WHISPER).decode(), "whisper json"),
        ("talk.json", LONG, "text"),
        ("talk.md", "<html><body><p>oats</p></body></html>", "html"),
        ("talk.html", "start\tend\ttext\n0\t1000\toats\n", "whisper tsv"),
        ("talk", '<?xml version="1.0"?><tt><body><p begin="1s">oats</p></body></tt>', "ttml"),
        ("talk.jsonl", VTT, "vtt"),
        ("talk.txt", "[laughs] oats", "text"),
        ("talk.txt", "{laughs} oats", "text"),
        ("talk.vtt.gz", gzip.compress(VTT.encode()), "vtt"),
        ("talk.vtt.zst", zstandard.compress(VTT.encode()), "vtt"),
        ("talk.vtt", VTT.encode("utf-16"), "vtt"),
        ("talk.json", orjson.dumps(WHISPER).decode().encode("utf-16-le"), "whisper json"),
    ],
)
def test_the_content_decides_and_not_the_name(name, data, format, tmp_path):
    assert record(one(tmp_path / name, data))["source"]["format"] == format


def test_json_of_records(tmp_path):
    talks = [{"id": "a", "text": "x"}, {"guid": "b", "content": "y"}]
    (tmp_path / "talks.json").write_bytes(orjson.dumps(talks, option=orjson.OPT_INDENT_2))
    found = [record(outcome) for outcome in file.read(str(tmp_path / "talks.json"), "talks")]
    assert [(made["id"], made["text"]) for made in found] == [("a", "x"), ("b", "y")]
    assert record(one(tmp_path / "one.json", b'{"id": "a", "text": "x"}'))["id"] == "a"


def test_json_as_careless_writers_write_it(tmp_path):
    raw = '{"transcription": [{"offsets": {"from": 0, "to": 1000}, "text": " a\tb\\ud800"}], "x": NaN}'
    made = record(one(tmp_path / "talk.json", raw))
    assert made["text"] == "a b?"
    assert made["duration"] == 1.0


def test_lines_of_json_in_a_file_of_another_name(tmp_path):
    (tmp_path / "talks.txt").write_text('{"id": "a", "text": "x"}\n{"id": "b", "text": "y"}\n')
    assert [outcome.id for outcome in file.read(str(tmp_path / "talks.txt"), "talks")] == ["a", "b"]


def test_aliases_are_read_and_named_once(tmp_path):
    talks = [
        {"guid": n, "transcript": "x", "podcast": "Grain", "pubDate": "Tue, 06 May 2025 10:00:00 +0200"}
        for n in "ab"
    ]
    first, second = file.read(str(write_jsonl(tmp_path / "talks.jsonl", talks)), "talks")
    made = record(second)
    assert (made["id"], made["text"], made["show"], made["published"]) == (
        "b",
        "x",
        "Grain",
        "2025-05-06T10:00:00+02:00",
    )
    assert [text for kind, text in first.warnings] == [
        "`guid` is read as `id`", "`podcast` is read as `show`", "`pubDate` is read as `published`",
        "`transcript` is read as `text`",
    ]  # fmt: skip
    assert second.warnings == []


def test_forms_that_other_programs_write(tmp_path):
    talk = {
        "id": 7,
        "text": None,
        "segments": [{"text": "x"}],
        "duration": "1:00:02",
        "speakers": "Lena, Otto",
        "lang": "pt_BR",
    }
    made = record(one(tmp_path / "t.jsonl", orjson.dumps(talk) + b"\n"))
    assert (made["id"], made["text"], made["duration"], made["speakers"]) == ("7", "x", 3602.0, ["Lena", "Otto"])
    assert made["language"] == "pt-BR"
    named = record(one(tmp_path / "talk.json", b'{"title": "T", "transcript": "x", "podcast": "S"}'))
    assert (named["id"], named["title"], named["show"]) == ("talk", "T", "S")
    fault = one(tmp_path / "t.jsonl", b'{"id": "a", "text": "x", "url": "y"}').faults[0]
    assert "('url' was unexpected); fields of your own belong into `metadata`" in fault


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2024-05-06", "2024-05-06"),
        ("2024-05-06T10:00:00Z", "2024-05-06T10:00:00Z"),
        ("Mon, 06 May 2024 10:00:00 GMT", "2024-05-06T10:00:00+00:00"),
        ("2024-13-06", None),
        ("soon", None),
        ("", None),
        (7, None),
    ],
)
def test_dates(text, iso):
    assert published(text) == iso


# ---- what is refused ------------------------------------------------------------------------------

REFUSED = {
    "PDF": (b"%PDF-1.7 ...", "this is a PDF; export the transcript as .docx, .txt or .vtt"),
    "RTF": (b"{\\rtf1 x}", "this is RTF; save it as .docx or .txt"),
    "old Word": (b"\xd0\xcf\x11\xe0\xa1", "this is an old Word file; save it as .docx"),
    "audio": (b"ID3\x04", "this is audio; transcribe it first"),
    "video": (b"\0\0\0\x18ftypmp42", "this is audio or video; transcribe it first"),
    "zip": (b"PK\x03\x04rest", "Word document that cannot be opened: the zip is damaged"),
    "ASS": (b"[Script Info]\n", "this is ASS subtitles; export them as .srt"),
    "unknown JSON": (
        b'{"results": {"x": 1}, "created": 1, "id": 7}',
        "JSON of no known transcript shape; top level: created, id, results",
    ),
    "broken JSON": (b'{"text": ', "not JSON: Expecting value"),
    "deep JSON": (b'{"a":' * 100_000, "not JSON: nested too deep"),
    "empty": (b"", "there are no words in it"),
    "only a header": (b"WEBVTT\n", "there are no words in it (read as vtt)"),
    "only front matter": (b"---\ntitle: x\n---\n", "there are no words in it"),
    "binary": (bytes(range(256)) * 4, "not text: the bytes are those of a binary file"),
    "cut gzip": (gzip.compress(os.urandom(2000))[:100], "the gzip file is damaged"),
    "no gzip": (b"\x1f\x8b\x07rest of it", "the gzip file is damaged"),
    "no zstd": (b"\x28\xb5\x2f\xfdrest of it", "the zstd file is damaged"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_reader_takes_is_said_with_what_to_do(name, tmp_path):
    data, why = REFUSED[name]
    outcome = one(tmp_path / "talk", data)
    assert outcome.line is None
    assert why in outcome.faults[0]


def test_a_bomb_is_not_unpacked(tmp_path):
    outcome = one(tmp_path / "talk.txt.gz", gzip.compress(bytes(65 << 20)))
    assert outcome.faults == ["longer than 64 MiB; a file of many transcripts must be .jsonl"]


def test_zst_without_its_library_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    outcome = one(tmp_path / "talk.vtt.zst", zstandard.compress(VTT.encode()))
    assert outcome.faults == ["to read .zst files, pip install 'transcript-batch[zst]'"]


def test_a_file_that_may_not_be_read_is_said(tmp_path, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(file, "content", denied)
    assert one(tmp_path / "talk.txt", LONG).faults == ["Permission denied"]


def test_names_and_things_that_cannot_be_read_are_faults_of_their_own(run, folder, ws):
    for name in (".vtt", "part 1/x\n.vtt", os.fsdecode(b"part 1/\xff.vtt")):
        try:
            (folder / name).write_text(VTT)
        except OSError:
            pytest.skip("this file system takes UTF-8 names only")
    (folder / "part 1" / "broken.vtt").symlink_to("nowhere")
    (folder / "part 1" / "loop").symlink_to("../part 1")
    os.mkfifo(folder / "part 1" / "pipe.vtt")
    code, out, err = run("transcripts", folder / "part 1", "--errors", "skip", "--verbose")
    assert (code, out.splitlines()[0]) == (0, "4 transcripts: 4 vtt")
    assert err.count("the name of this file is not UTF-8, or has control characters; rename it") == 2
    assert "broken.vtt: No such file or directory" in err
    assert "not read, by their suffix or name: 1 link to a folder, 1 special file" in err


def test_a_text_in_another_alphabet_is_not_guessed_as_latin(tmp_path):
    for text, encoding in (("Рожь и овёс, ok", "cp1251"), ("麦とオート", "shift_jis"), ("燕麦和黑麦", "gb18030")):
        why = one(tmp_path / "a.txt", text.encode(encoding)).faults[0]
        assert why.startswith("neither UTF-8 nor Western European; name the encoding: ENCODING=cp1251")
        assert record(one(tmp_path / "a.txt", text.encode(encoding), encoding))["text"] == text
    assert "neither UTF-8 nor" in one(tmp_path / "a.txt", b"plain words and \x81 and \xe9").faults[0]


def test_line_ends_that_were_written_twice(tmp_path):
    talk = "1\n00:00:01,000 --> 00:00:02,000\noats\n\n2\n00:00:02,000 --> 00:00:03,000\nrye\n"
    assert record(one(tmp_path / "a.srt", talk.replace("\n", "\r\r\n")))["text"] == "oats rye"


def test_a_table_with_speakers(tmp_path):
    made = record(
        one(tmp_path / "a.tsv", "start\tend\tspeaker\ttext\n0\t1000\tLena\toats\n1000\t2000\tLena\trye\n")
    )
    assert made["text"] == "Lena: oats rye"


def test_whispers_own_text_where_its_segments_touch_or_lack_words(tmp_path):
    for text, segments in (
        ("你好世界", ["你好", "世界"]),
        (" unbelievable yes", [" un", "believable", " yes"]),
        ("a b c", ["a b"]),
    ):
        talk = {"text": text, "segments": [{"start": 0, "end": 1, "text": words} for words in segments]}
        assert record(one(tmp_path / "a.json", orjson.dumps(talk)))["text"] == text.strip()


# ---- bytes to text ----------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings_are_found_without_a_warning(encoding):
    text = "Zoë’s rye — 世界 and plain words to go with them\n"
    found, _, warning = decode(text.encode(encoding))
    assert (found, warning) == (text, "")


def test_cp1252_is_a_guess_and_said():
    text, encoding, warning = decode("Zoë’s rye".encode("cp1252"))
    assert (text, encoding) == ("Zoë’s rye", "cp1252")
    assert "a guess: ENCODING= names another" in warning


def test_utf8_with_a_broken_place_stays_utf8():
    text, encoding, warning = decode("grüne Äpfel, süße Öle, ".encode() + b"\xe2\x82")
    assert (text, encoding) == ("grüne Äpfel, süße Öle, \ufffd", "utf-8")
    assert warning == "1 places are not utf-8; they read U+FFFD"


def test_encoding_overrides_and_must_fit(tmp_path):
    (tmp_path / "t.jsonl").write_bytes(
        '{"id": "a", "text": "рожь"}\n{"id": "b", "text": "овёс"}\n'.encode("koi8-r")
    )
    assert [record(each)["text"] for each in file.read(str(tmp_path / "t.jsonl"), "t", "koi8-r")] == [
        "рожь",
        "овёс",
    ]
    assert record(one(tmp_path / "a.txt", "привет".encode("koi8-r"), "koi8-r"))["text"] == "привет"
    assert one(tmp_path / "b.txt", b"\xff\xfe\xff", "utf-8").faults[0].startswith("not utf-8: ")


# ---- warnings ------------------------------------------------------------------------------------


def test_a_loop_is_named():
    said = [segment(words) for words in ["a", *["Thank you."] * 10, "b", "b"]]
    assert ("loop", "“Thank you.” 10 times running: a speech-to-text loop?") in lint.warnings(Reading("vtt", said))
    assert lint.longest_run(["a", *["b"] * 9, "c", *["b"] * 9]) is None
    assert lint.longest_run(lint.lines(Reading("text", text="a\n\n" * 11))) == (11, "a")


def test_a_tiny_transcript_and_a_guess_are_named(tmp_path):
    outcome = one(tmp_path / "a.txt", "Zoë".encode("cp1252"))
    assert [kind for kind, _ in outcome.warnings] == ["tiny", "encoding"]
    assert one(tmp_path / "b.txt", LONG).warnings == []


def test_warnings_are_said_a_few_times_and_counted():
    said: list[str] = []
    notices = Notices(said.append)
    for n in range(8):
        notices.add("loop", f"{n}.vtt", "again")
    notices.add("tiny", "x.vtt", "short")
    notices.close()
    assert len(said) == 7
    assert said[-1] == "warning: and 3 more of this kind (loop); VERBOSE=1 shows all"


def test_a_text_over_the_window_is_named_with_its_size(run, tmp_path):
    texts = {"big": "oats " * 10_000, "small": "x", "fits": "x" * 40_000}
    talks = write_jsonl(tmp_path / "t.jsonl", [{"id": name, "text": text} for name, text in texts.items()])
    code, _, err = run("batch", talks, "--model", "m", "--context", "12000")
    assert code == 2
    assert "transcripts.jsonl:1: 'big': about 10,002 tokens and 4,000 for the answer; m takes 12,000" in err
    assert err.count("\n") == 1  # the others fit
    for how, lines in (("split", 5), ("truncate", 3)):
        code, out, err = run("batch", talks, "--model", "m", "--context", "12000", "--long", how)
        assert (code, out.split("\n")[-2]) == (0, f"{lines} requests for m; next: `make try`, `make plan`")
        assert "warning: big: too long for the window" in err


# ---- the stage -------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Twelve good files, and four that are not."""
    root = tmp_path / "talks"
    for n in range(12):
        (root / f"part {n % 3}").mkdir(parents=True, exist_ok=True)
        (root / f"part {n % 3}" / f"talk-{n:02}.vtt").write_text(VTT.replace("oats", f"oats {n}"))
    (root / "a.pdf").write_bytes(b"%PDF-1.4")
    (root / "empty.srt").write_bytes(b"")
    (root / "x.json").write_bytes(b"{}")
    write_jsonl(root / "y.jsonl", [{"id": "good", "text": LONG}, {"id": "bad"}])
    (root / "cover.jpg").write_bytes(b"\xff\xd8\xff")
    (root / ".hidden.vtt").write_text(VTT)
    return root


def test_one_fault_stops_and_publishes_nothing(run, folder, ws):
    code, out, err = run("transcripts", folder, "--run", "test", "--provider", "fake")
    assert code == 2
    assert out == ""
    assert [line.removeprefix("error: ").split(": ")[0] for line in err.splitlines()] == [
        str(folder / name) for name in ("a.pdf", "empty.srt", "x.json", "y.jsonl:2")
    ]
    assert "ERRORS=skip goes on without these" in err
    assert not ws.transcripts.exists()


def test_skip_goes_on_and_writes_what_was_left_out(run, folder, ws):
    code, out, err = run("transcripts", folder, "--run", "test", "--provider", "fake", "--errors", "skip")
    assert code == 0
    assert out == f"13 transcripts: 12 vtt, 1 jsonl\n4 transcripts left out, with the reasons in {ws.rejected}\n"
    assert "not read, by their suffix or name: 1 .jpg" in err
    rejected = read_jsonl(ws.rejected)
    assert [row["where"] for row in rejected] == [
        str(folder / name) for name in ("a.pdf", "empty.srt", "x.json", "y.jsonl:2")
    ]
    assert rejected[0]["reasons"] == ["this is a PDF; export the transcript as .docx, .txt or .vtt"]
    assert all(list(schemas.faults("rejected", row)) == [] for row in rejected)
    assert [made["id"] for made in read_jsonl(ws.transcripts)][:3] == [
        "part 0/talk-00",
        "part 0/talk-03",
        "part 0/talk-06",
    ]


def test_skip_with_nothing_good_is_a_fault(run, tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4")
    assert run("transcripts", "a.pdf", "--errors", "skip")[0] == 2


def test_verbose_says_a_line_for_each_file(run, folder):
    _, _, err = run("transcripts", folder / "part 0", "--verbose")
    assert f"{folder}/part 0/talk-00.vtt: vtt, utf-8, 265 characters, 1 speaker, 0:00:02\n" in err
    assert err.count("talk-") == 4


def test_validate_reads_everything_and_lists_every_fault(run, folder):
    code, out, err = run("validate", folder)
    assert code == 2
    assert out.count(str(folder)) == 4
    assert "4 faults; mend the input and type the same again" in err
    assert run("validate", folder / "part 1") == (0, "4 transcripts, all valid\n", "")


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_result_does_not_depend_on_the_number_of_processes(workers, folder, ws, monkeypatch):
    monkeypatch.setattr("pipeline.transcripts.ingest.TASK", 10_000)
    tally = ingest(ws, [folder], skip=True, workers=workers, say=lambda text: None)
    assert (tally.transcripts, tally.rejected) == (13, 4)
    several = ws.transcripts.read_bytes()
    ingest(ws, [folder], skip=True, say=lambda text: None)
    assert ws.transcripts.read_bytes() == several


def test_work_is_asked_for_only_as_it_is_done():
    asked = []

    def tasks():
        for n in range(40):
            asked.append(n)
            yield n

    results = ordered(abs, tasks(), 2)
    assert next(results) == 0
    assert len(asked) < 10
    assert list(results) == list(range(1, 40))


def block(pipe: int) -> bytes:
    os.write(pipe, b"w")
    return os.read(os.pipe()[0], 1)  # which nobody writes into


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the pipe is inherited by fork")
def test_workers_end_when_their_parent_is_killed(tmp_path):
    """They hold its lock, so that nothing could go on."""
    ours, theirs = os.pipe()
    parent = os.fork()
    if not parent:
        os.close(ours)
        try:
            list(ordered(block, [theirs] * 4, 2))
        finally:
            os._exit(0)
    os.close(theirs)
    assert os.read(ours, 1) + os.read(ours, 1) == b"ww"  # both are at work
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    assert select.select([ours], [], [], 60)[0], "a worker outlives its parent"
    assert os.read(ours, 1) == b""  # all have ended, and so has the pipe


def test_a_file_that_is_too_long_for_a_process_streams(folder, monkeypatch):
    monkeypatch.setattr("pipeline.transcripts.ingest.LARGE", 100)
    monkeypatch.setattr("pipeline.transcripts.ingest.ordered", None)
    assert len(list(outcomes([folder / "part 0"], "", 2, {}))) == 4


# ---- ids -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (("a.vtt", "a.srt"), "$.id: 'a' is also the id at "),
        (("Talk.vtt", "talk.srt"), "$.id: 'talk' is, but for its case, also the id at "),
        (("e\u0301.vtt", "\u00e9.srt"), "is also the id at "),
    ],
)
def test_two_files_with_one_id_are_both_named(names, why, run, tmp_path):
    for name in names:
        (tmp_path / name).write_text(VTT)
    code, _, err = run("transcripts", *(tmp_path / name for name in names))
    assert code == 2
    assert why in err
    assert all(str(tmp_path / name) in err for name in names)


def test_ids_in_a_file_may_differ_by_case(run, tmp_path):
    write_jsonl(tmp_path / "t.jsonl", [{"id": "A", "text": LONG}, {"id": "a", "text": LONG}])
    assert run("transcripts", "t.jsonl")[0] == 0


def test_ids_are_stable_when_other_files_come(run, folder, ws):
    ingest(ws, [folder], skip=True, say=lambda text: None)
    before = {made["source"]["path"]: made["id"] for made in read_jsonl(ws.transcripts)}
    (folder / "part 0" / "aaa.vtt").write_text(VTT)
    ingest(ws, [folder], skip=True, say=lambda text: None)
    after = {made["source"]["path"]: made["id"] for made in read_jsonl(ws.transcripts)}
    assert before.items() <= after.items()


def test_ids_remember_where():
    ids = Ids()
    assert ids.first("a", "x:1") is None
    assert ids.first("a", "x:2") == "x:1"
    assert ids.first("A", "x:3") is None


def test_a_readme_beside_the_transcripts_is_not_paid_for(run, folder):
    (folder / "part 0" / "README.md").write_text(LONG)
    _, out, err = run("transcripts", folder / "part 0")
    assert out == "4 transcripts: 4 vtt\n"
    assert "not read, by their suffix or name: 1 README.md" in err
    assert run("transcripts", folder / "part 0" / "README.md")[1] == "1 transcript: 1 text\n"


# ---- memory, and hostile files ---------------------------------------------------------------------


def test_memory_does_not_grow_with_the_number_of_files(tmp_path):
    """Peak memory of a whole process over 200 and over 2,000 files."""
    code = (
        "import resource, sys; from pathlib import Path; from pipeline.transcripts.ingest import ingest;"
        "from pipeline.base.workspace import Workspace;"
        "ingest(Workspace.of('t', 't'), [Path(sys.argv[1])], say=lambda text: None);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = []
    for count in (200, 2000):
        folder = tmp_path / str(count)
        folder.mkdir()
        for n in range(count):
            (folder / f"{n}.vtt").write_text(VTT + f"\n00:03.000 --> 00:04.000\n{LONG}\n" * 20)
        done = subprocess.run(
            [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True, cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        peaks.append(int(done.stdout) / 1024)
    assert peaks[1] - peaks[0] < 6, peaks


GOOD = [
    VTT.encode(),
    orjson.dumps(WHISPER),
    b"**Lena:** \\[00:01\\] Oats\n\n**Otto:** Rye\n",
    b"<html><p>Oats</p><br></html>",
    b"---\ntitle: x\n---\nText",
    b'<?xml version="1.0"?><tt><body><p>x</p></body></tt>',
    b'{"id": "a", "text": "x"}\n{"id": "b", "text": "y"}\n',
    gzip.compress(VTT.encode()),
    zstandard.compress(VTT.encode()),
]
NAMES = ["a.vtt", "a.jsonl", "a.json.gz", "a"]


@st.composite
def mutated(draw) -> bytes:
    """A good file with some bytes changed, taken out or put in."""
    data = bytearray(draw(st.sampled_from(GOOD)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 9))] = draw(st.binary(max_size=9))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


def never_breaks(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    for outcome in file.read(str(path), "a"):
        assert (outcome.line is None) == bool(outcome.faults)
        if outcome.line:
            assert schemas.is_valid("transcript")(orjson.loads(outcome.line))


@settings(max_examples=200)
@given(data=st.binary(max_size=300) | mutated(), name=st.sampled_from(NAMES))
def test_any_file_is_read_or_refused(data, name, tmp_path_factory):
    never_breaks(tmp_path_factory.getbasetemp() / name, data)


@pytest.mark.long
@settings(max_examples=20_000)
@given(data=st.binary(max_size=2000) | mutated(), name=st.sampled_from(NAMES))
def test_any_file_at_length(data, name, tmp_path_factory):
    never_breaks(tmp_path_factory.getbasetemp() / name, data)


def test_unreadable_is_an_error_of_the_input():
    assert Unreadable("x").code == 2


def test_the_answers_of_a_run_are_the_transcripts_of_the_next(run, tmp_path):
    row = {"id": "a", "custom_id": "a", "outcome": "ok", "text": "A summary.", "sent_as": None, "job": "j",
           "title": "Rye", "metadata": {"guest": "Lena"}, "usage": {}, "error": None}  # fmt: skip
    folder = tmp_path / "data" / "runs" / "first" / "openai"
    folder.mkdir(parents=True)
    write_jsonl(folder / "results.jsonl", [row, row | {"id": "b", "outcome": "error", "text": None}])
    code, _, err = run("transcripts", "--transcripts", "run:first", "--run", "second")
    assert (code, "results.jsonl:2: $.outcome: error, so there is no answer to read" in err) == (2, True)
    assert run("transcripts", "--transcripts", "run:first", "--run", "second", "--errors", "skip")[0] == 0
    (made,) = read_jsonl(tmp_path / "data/runs/second/together/transcripts.jsonl")
    assert (made["id"], made["text"], made["title"], made["metadata"]) == (
        "a",
        "A summary.",
        "Rye",
        {"guest": "Lena"},
    )
    (tmp_path / "data/runs/first/groq").mkdir()
    write_jsonl(tmp_path / "data/runs/first/groq/results.jsonl", [row])
    assert run("transcripts", "--transcripts", "run:first/groq", "--run", "second")[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run:none", "run:none: there is no run none; `make runs` lists them"),
        ("run:two", "several providers answered in that run; name one: run:two/a or run:two/b"),
        ("run:two/c", "that run has no results"),
        ("run:../x", "RUN='..' is no name"),
        ("run:two/together", "a run cannot read its own answers; choose another RUN="),
    ],
)
def test_a_run_that_cannot_be_read_is_named(words, message, run, tmp_path):
    for provider in ("a", "b", *(["together"] if "together" in words else [])):
        (tmp_path / "data/runs/two" / provider).mkdir(parents=True)
        write_jsonl(tmp_path / "data/runs/two" / provider / "results.jsonl", [{"id": "a"}])
    code, _, err = run("transcripts", "--transcripts", words, "--run", "two")
    assert (code, message in err) == (2, True), err


@pytest.mark.parametrize(
    "record",
    [
        {"id": "a", "title": "Käthe \u2028", "text": 'oats \\ " \u2029', "metadata": {"id": 1}},
        {"title": "no id first", "id": "a", "text": "oats"},
        {"id": "a", "text": "oats", "source": {"path": "theirs", "sha256": "x"}},
        {"id": "a", "transcript": "oats"},
        {"id": 7, "text": "oats", "title": None},
        {"id": "a", "segments": [{"text": "oats"}]},
    ],
)
def test_the_source_of_a_record_has_the_hash_of_all_but_its_id(record):
    (outcome,) = jsonl.read(io.BytesIO(orjson.dumps(record)), "talks.jsonl")
    said = {name: value for name, value in record.items() if name not in ("id", "guid")}
    made = orjson.loads(outcome.line)
    assert made["source"]["sha256"] == hashlib.sha256(orjson.dumps(said)).hexdigest()
    theirs = record.get("source", {"path": "talks.jsonl", "format": "jsonl"})
    assert made["source"]["path"] == theirs["path"] and made["source"]["record"] is True
    assert outcome.line == orjson.dumps(made)
    assert made["text"] == record.get("text", "oats") and list(made)[-1] == "source"

"""Long transcripts: refused, truncated, or asked in parts that tile the text, whose answers are combined."""

from __future__ import annotations

import json
import math
import re
from itertools import pairwise

import jsonschema
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.batch.answer_schema import Answer
from pipeline.batch.context_window import windowed
from pipeline.batch.cut_text import PLACES, cut
from pipeline.batch.fit_window import HEAD, Window
from pipeline.batch.prompt import COMBINE, Prompt
from pipeline.batch.text_with_times import moments, when
from pipeline.batch.too_long import pieces
from pipeline.errors import DamagedError, DoubtError, InputError, SpendError
from pipeline.jobs.ledger import Ledger
from pipeline.money.tariff import Tariff
from pipeline.money.tokens import english, most, tokens
from pipeline.provider import Limits
from pipeline.results.round_requests import Said, combining
from pipeline.sending.plan import plan
from pipeline.sending.plan_table import table
from pipeline.sending.submit_options import Asked, Bounds
from pipeline.sending.until_all_sent import sendall
from pipeline.transcripts.readers.reading import join
from tests.conftest import batched, read_jsonl, write_jsonl
from tests.fakes import Fake, Service
from tests.invoice import Till
from tests.stages import Watch
from tests.test_answer import SCHEMA
from tests.test_money import Run

MODEL = "Llama-3.1-8B"
WORDS = ["the", "lamp", "of", "harbour", "board", "heard", "you", "that", "oats", "rye", "to", "keep", "it", "and"]


def talk(name: str, turns: int, timed: bool = True) -> dict:
    """A transcript whose turns each have a number of their own."""
    segments = [
        {"speaker": "Ines" if n % 2 else "Tom", "start": n * 10.0 if timed else None, "end": None,
         "text": f"turn{n} of {name} " + " ".join(WORDS[(n * 7 + k) % len(WORDS)] for k in range(40)) + "."}
        for n in range(turns)
    ]  # fmt: skip
    return {"id": name, "text": join(segments), "segments": segments, "title": name.upper(), "language": "en"}


class Long(Run):
    """A run of long transcripts: each answer names the turns that its request has."""

    def batch(self, talks, how="split", overlap=40, most=60, window=1500, **prompt):
        asked = Prompt(MODEL, "Be brief.", max_tokens=most, window=window, long=how, given=("window",), **prompt)
        return batched(self.ws, [write_jsonl(self.folder / "t.jsonl", talks)], asked, overlap)


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run").mkdir()
    run = Long(tmp_path / "run", Till(Limits(max_requests=100, poll=(0.0, 0.0))))
    run.till.words = lambda name, body: " ".join(re.findall(r"turn\d+", body["messages"][-1]["content"])[:1])
    return run


def until_done(run, **asked):
    """`make submit results`, until nothing is pending; how often that was."""
    for number in range(1, 12):
        run.submit(Asked(**asked))
        rows = run.results()
        if not any(row["outcome"] == "unsent" for row in rows):
            return rows, number
    raise AssertionError("it does not end")


# ---- parts --------------------------------------------------------------------------------------

TEXTS = st.lists(
    st.sampled_from(["Ines: ", "\n\n", "\n", " ", "oats", "rye.", "barley? ", "x" * 90, "日本語。", "🚜", "\r\n"]),
    min_size=1, max_size=120,
).map("".join)  # fmt: skip


def words(text: str) -> int:
    """As simple tokens as there are: four bytes each, but spaces none."""
    return -(-len(text.replace(" ", "").encode()) // 4)


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.integers(1, 80), st.integers(0, 40))
@example("x" * 5000, 10, 3)
@example(" " * 300, 1, 0)
def test_parts_tile_the_text(text, most, overlap):
    parts = cut(text, most, overlap, words)
    assert "".join(text[part.begin : part.end] for part in parts) == text
    assert (parts[0].begin, parts[-1].end) == (0, len(text))
    assert all(one.end == two.begin and one.begin < one.end for one, two in pairwise(parts))
    for part in parts:
        assert words(text[part.start : part.end]) <= most
        assert part.start <= part.begin and words(text[part.start : part.begin]) <= overlap


@settings(max_examples=60, deadline=None)
@given(st.integers(20, 200), st.integers(60, 400), st.integers(20, 100))
def test_parts_of_a_conversation_end_with_a_turn_and_repeat_some(turns, most, overlap):
    text = talk("t", turns)["text"]
    parts = cut(text, most, overlap, words)
    for part in parts[:-1]:
        assert text[: part.end].endswith("\n\n") or len(text[part.begin : part.end]) < 2 * 250
    for part in parts[1:]:
        room = min(overlap, most // 4)
        assert words(text[part.start : part.begin]) >= room // 2 - 60 or part.start == 0
        assert part.start < part.begin or room < 5
    fresh = [words(text[part.begin : part.end]) for part in parts[:-1]]
    assert not fresh or min(fresh) >= (most - overlap) // 4 - 1  # about equally long


def test_a_character_that_fits_nowhere_is_an_error():
    with pytest.raises(ValueError, match="no character fits"):
        cut("🚜", 0, 0, words)


def test_what_a_turn_ends_with_comes_before_a_line_and_that_before_a_sentence():
    assert [bool(place.search(text)) for place, text in zip(PLACES, ["a\n\nb", "a\nb", "a. b", "a b"], strict=True)]
    text = "Tom: aa bb. cc\ndd\n\nInes: ee ff. gg hh"
    assert text[: cut(text, 7, 0, words)[0].end] == "Tom: aa bb. cc\ndd\n\n"


# ---- the window ---------------------------------------------------------------------------------


class Exact(Fake):
    """Knows its vocabulary: a token a character."""

    def tokens(self, text):
        return len(text)


FAKE = Fake(Service())


def test_the_provider_counts_where_it_can():
    assert Window(Exact(Service()), MODEL, 100).most("oats") == 4
    assert Window(FAKE, MODEL, 100).most("the oats of the harbour") == 6  # 5, with Llama 3's margin


def test_text_that_is_not_english_has_a_wider_margin():
    spanish = "El faro del puerto se vende por una libra, y quien lo compre debe conservar la lámpara. " * 20
    assert not english(spanish) and english(talk("t", 3)["text"])
    assert most(spanish, MODEL) >= 1.6 * tokens(spanish, MODEL)


def test_split_needs_to_know_the_window():
    with pytest.raises(InputError, match=r"LONG=split needs the window of m, in tokens; give it: CONTEXT=131072"):
        windowed([Prompt("m")], FAKE, None, "split")
    assert windowed([Prompt("m")], FAKE, 9000, "split")[0].window == 9000
    assert windowed([Prompt("m")], FAKE, None, "refuse")[0].window is None


def test_each_part_fits_with_its_answer():
    long = talk("t", 90)
    for window_size in (900, 1500, 4000, 12_000):
        prompt = Prompt(MODEL, "Be brief.", max_tokens=4000, window=window_size, long="split")
        for body, _ in pieces(prompt, long, Window(FAKE, MODEL, window_size), 30):
            assert tokens(str(body["messages"]), MODEL) + body["max_tokens"] <= window_size


def test_a_prompt_that_fills_the_window_is_refused():
    prompt = Prompt(MODEL, "oats " * 500, max_tokens=400, window=700, long="split")
    with pytest.raises(InputError, match=r"the prompt leaves \d+ of the 700 tokens that Llama-3.1-8B takes"):
        pieces(prompt, talk("t", 50), Window(FAKE, MODEL, 700))


def test_a_shorter_answer_makes_room_before_anything_is_cut():
    long = talk("t", 20)
    size = int(tokens(long["text"], MODEL) * 1.9)
    prompt = Prompt(MODEL, max_tokens=4000, window=size, long="split")
    ((body, part),) = pieces(prompt, long, Window(FAKE, MODEL, size))
    assert part is None and body["max_tokens"] < 4000 and body["messages"][-1]["content"] == long["text"]


# ---- refuse and truncate ------------------------------------------------------------------------


def test_refuse_is_the_default_and_names_each(run, tmp_path):
    talks = [talk("short", 2), talk("big", 60), talk("huge", 90)]
    with pytest.raises(InputError) as error:
        run.batch(talks, how="refuse")
    lines = str(error.value).split("\n")
    assert re.search(
        r"transcripts.jsonl:2: 'big': about 3,\d\d\d tokens and 60 for the answer; .* takes 1,500", lines[0]
    )
    assert lines[1].endswith(
        "ask with LONG=split, LONG=truncate or a smaller MAX_TOKENS, and run `make batch` again"
    )
    assert not run.ws.batch.exists()


def test_truncate_sends_the_beginning_and_says_so(run):
    run.batch([talk("short", 2), talk("big", 60)], how="truncate")
    _short, big = read_jsonl(run.ws.batch)
    said = big["body"]["messages"][-1]["content"]
    assert said.startswith("This is the beginning of a longer transcript; the rest is left out.\n\nTom: turn0")
    assert said.endswith("\n\n") and "turn59" not in said
    run.submit()
    rows = run.results()
    assert [row["outcome"] for row in rows] == ["ok", "ok"] and rows[0]["parts"] is None
    (part,) = rows[1]["parts"]
    whole = talk("big", 60)["text"]
    assert (part["from"], part["length"]) == (0, len(whole)) and 0 < part["to"] < len(whole)
    assert said.endswith(whole[: part["to"]])


# ---- split, and combined ------------------------------------------------------------------------


def test_one_answer_for_each_transcript_however_long(run):
    run.batch([talk("short", 2), talk("big", 60), talk("other", 90)])
    requests = read_jsonl(run.ws.batch)
    names = [request["custom_id"] for request in requests]
    assert names[:4] == ["short", "big.p01", "big.p02", "big.p03"]
    first, second = (request["body"]["messages"][-1]["content"] for request in requests[1:3])
    assert first.startswith("This is part 1 of 3 of a longer transcript, 0:00:00 to 0:0")
    assert "It begins with the end of the part before. Answer for this part alone.\n\n" in second
    rows, rounds = until_done(run)
    assert [(row["id"], row["custom_id"], row["outcome"]) for row in rows] == [
        ("short", "short", "ok"), ("big", "big", "ok"), ("other", "other", "ok"),
    ]  # fmt: skip
    assert rounds == 2
    for row, turns in zip(rows[1:], (60, 90), strict=True):
        text = talk(row["id"], turns)["text"]
        places = [(part["from"], part["to"]) for part in row["parts"]]
        assert "".join(text[begin:end] for begin, end in places) == text
        assert all(part["outcome"] == "ok" and part["text"].startswith("turn") for part in row["parts"])
        assert row["cost"] == pytest.approx(sum(part["cost"] for part in row["parts"]), rel=0.5)
    total = sum(row["cost"] for row in rows)
    assert total == pytest.approx(run.till.total())


def test_the_last_request_has_the_answers_in_order_with_their_times(run):
    run.batch([talk("big", 60)])
    until_done(run)
    (request,) = read_jsonl(run.ws.round)
    system, user = (message["content"] for message in request["body"]["messages"])
    assert request["custom_id"] == "big" and system == f"Be brief.\n\n{COMBINE}"
    heads = re.findall(r"Part (\d) of 3, ([\d:]+) to ([\d:]+):\n\nturn(\d+)", user)
    assert [head[0] for head in heads] == ["1", "2", "3"]
    assert heads[0][1] == "0:00:00" and heads[-1][2] == "0:09:50"
    assert [one[2] for one in heads[:-1]] == [two[1] for two in heads[1:]]


def test_the_template_of_the_prompt_makes_the_last_request_too(run):
    run.batch([talk("big", 60)], template="{{ title }} in {{ language }}: {{ timed }}")
    first = read_jsonl(run.ws.batch)[0]["body"]["messages"][-1]["content"]
    assert "BIG in en: [0:00:00] Tom: turn0" in first
    until_done(run)
    (request,) = read_jsonl(run.ws.round)
    assert request["body"]["messages"][-1]["content"].startswith("BIG in en: Part 1 of")


def test_a_round_that_somebody_changed_is_damaged_and_no_new_request(run):
    run.batch([talk("big", 60)])
    run.submit()
    run.results()
    whole = run.ws.round.read_text()
    for changed in (whole.replace("Part 1", "Part 9"), whole.replace(MODEL, "dearer"), ""):
        run.ws.round.write_text(changed)
        with pytest.raises(DamagedError, match="run `make results` again"):
            run.submit()
    run.results()
    assert run.ws.round.read_text() == whole
    jobs = len(run.till.jobs)
    run.submit()
    assert len(run.till.jobs) == jobs + 1


def test_where_the_answers_are_too_many_there_are_more_rounds(run):
    run.till.words = lambda name, body: "the oats and " * 60
    run.batch([talk("big", 120)], most=200, window=900)
    rows, rounds = until_done(run)
    assert [row["outcome"] for row in rows] == ["ok"] and rounds > 2
    names = [request["custom_id"] for request in read_jsonl(run.ws.round)]
    assert names[0] == "big.r2p01" and names[-1] == "big" and "big.r3p01" in names
    bodies = [
        json.dumps(request["body"], sort_keys=True)
        for request in read_jsonl(run.ws.batch) + read_jsonl(run.ws.round)
    ]
    sent = {json.dumps(json.loads(body), sort_keys=True): times for body, times in run.till.sent().items()}
    assert sent == dict.fromkeys(bodies, 1)
    assert rows[0]["cost"] == pytest.approx(run.till.total())


def test_waiting_submits_all_rounds_at_once(run):
    run.till.words = lambda name, body: "the oats and " * 60
    run.batch([talk("big", 120), talk("short", 2)], most=200, window=900)
    watch = Watch(run.ws, run.provider, run.time.clock, lambda text: None)
    sendall(watch, Asked(), wait=True)
    assert not run.ws.results.exists()  # `make results` writes it, and tells what came
    jobs = len(run.till.jobs)
    assert {row["outcome"] for row in run.results()} == {"ok"}
    run.submit()
    assert len(run.till.jobs) == jobs > 3


def test_results_tell_what_waits_to_be_combined_and_the_gate_lets_them(run):
    run.batch([talk("big", 60)])
    run.submit()
    (row,) = run.results()
    assert row["outcome"] == "unsent"
    assert row["error"]["message"] == "the answers to its parts are there: `make submit` combines them"
    assert [part["outcome"] for part in row["parts"]] == ["ok"] * 3
    run.submit(new_jobs=False)  # as `make results` does: what is missing is a round that nobody asked to pay for
    assert len(run.till.jobs) == 1
    assert run.results()[0]["outcome"] == "unsent"


def test_a_part_without_an_answer_is_named_and_sent_again(run):
    run.till.fails = {"big.p02"}
    run.batch([talk("big", 60), talk("short", 2)])
    run.submit()
    big, _short = run.results()
    assert (big["outcome"], big["error"]["message"]) == ("error", "part 2 of 3: it went wrong")
    assert big["cost"] is None or big["cost"] > 0
    assert [part["outcome"] for part in big["parts"]] == ["ok", "error", "ok"]
    assert read_jsonl(run.ws.round) == []
    run.till.fails = set()
    rows, _ = until_done(run, retry=True)
    assert [row["outcome"] for row in rows] == ["ok", "ok"]
    assert run.till.failures().total() == 1 and max(run.till.sent().values()) == 2


@pytest.mark.parametrize("begun", [False, True])
def test_a_part_that_fails_for_ever_is_paid_once_in_a_command(begun, run):
    run.till.fails = {"big.p02"}
    run.till.words = lambda name, body: "the oats and " * 60
    run.batch([talk("big", 60), talk("huge", 120), talk("short", 2)], most=200, window=900)
    run.submit()
    if begun:
        run.results()
    failed = run.till.failures().total()
    watch = Watch(run.ws, run.provider, run.time.clock, lambda text: None)
    sendall(watch, Asked(retry=True), wait=True)
    assert {row["id"]: row["outcome"] for row in run.results()} == {"big": "error", "huge": "ok", "short": "ok"}
    assert len({json.loads(line)["custom_id"].partition("p")[0] for line in run.ws.round.open()}) > 2  # rounds
    assert run.till.failures().total() == failed + 1
    sendall(watch, Asked(retry=True), wait=True)
    assert run.till.failures().total() == failed + 2


def test_everything_that_is_free_can_be_made_again(run):
    """`make clean`, or a crash: nothing is paid twice, and the answers are the same."""
    run.batch([talk("big", 60)])
    rows, _ = until_done(run)
    for path in (run.ws.round, run.ws.results, run.ws.batch, run.ws.index, run.ws.prompts, run.ws.submitted):
        path.unlink()
    run.batch([talk("big", 60)])
    assert not run.ws.round.exists()
    jobs = len(run.till.jobs)
    run.submit()
    assert run.results() == rows and len(run.till.jobs) == jobs


def test_another_prompt_makes_no_round_of_old_answers(run):
    run.batch([talk("big", 60)])
    run.submit()
    run.results()
    assert run.ws.round.exists()
    run.batch([talk("big", 60)], shots=({"user": "x", "assistant": "y"},))
    assert not run.ws.round.exists()
    with pytest.raises(SpendError, match="3 of 3 requests were already submitted with another body"):
        run.submit()


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(deaths=st.lists(st.integers(1, 400), min_size=1, max_size=3))
@example(deaths=[74, 74])
def test_killed_anywhere_each_request_of_each_round_is_paid_once(deaths, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kill")
    run = Long(folder, Till(Limits(max_requests=2, poll=(0.0, 0.0))))
    run.till.words = lambda name, body: "the oats and " * 40

    def goal():
        run.batch([talk("big", 40), talk("short", 2)], most=150, window=900)
        try:
            until_done(run)
        except DoubtError:  # killed between an intent and its start, and before the list was seen: a person says so
            run.submit(Asked(again=" ".join(one.shard for one in Ledger(run.ws) if one.lost and not one.ref)))
            until_done(run)

    for at in deaths:
        with pytest.MonkeyPatch.context() as patch:
            run.killed(at, goal, patch)
    goal()
    assert {row["outcome"] for row in run.results()} == {"ok"}
    assert set(run.till.sent().values()) == {1}


# ---- structured ---------------------------------------------------------------------------------


def test_parts_and_whole_fit_the_schema_and_only_what_does_not_is_sent_again(run):
    good, broken = '{"topics": ["rye"]}', {"big.p02", "other"}
    run.till.words = lambda name, body: "{" if name in broken else good
    run.batch([talk("big", 60), talk("other", 60), talk("short", 1)], answer=Answer(SCHEMA))
    run.submit()
    big, other, _short = run.results()
    assert (big["outcome"], big["text"]) == ("invalid", "{")
    assert big["error"]["message"].startswith("part 2 of 3: not JSON")
    run.submit()
    (_, other, _) = run.results()
    assert (other["outcome"], other["parts"][0]["answer"]) == ("invalid", {"topics": ["rye"]})
    sent = len(run.till.jobs)
    broken.clear()
    run.submit(Asked(retry=True))
    assert sorted(name for job in run.till.jobs[sent:] for name in job["names"]) == ["big.p02", "other"]
    rows, _ = until_done(run)
    for row in rows:
        assert row["outcome"] == "ok"
        jsonschema.validate(row["answer"], SCHEMA)
    combined = read_jsonl(run.ws.round)[0]["body"]["messages"][-1]["content"]
    assert '{"topics":["rye"]}' in combined


def test_a_megabyte_has_one_valid_answer(run):
    """All of it is asked, in many parts and rounds, by a model of 8,192 tokens."""
    one = talk("big", 4800)
    assert len(one["text"].encode()) > 1_000_000
    run.till.words = lambda name, body: json.dumps({"topics": ["rye"] * 400})
    run.batch([one, talk("short", 2)], most=800, window=8192, overlap=200, answer=Answer(SCHEMA))
    asked = "".join(request["body"]["messages"][-1]["content"] for request in read_jsonl(run.ws.batch))
    assert all(f"turn{n} of big" in asked for n in range(4800))
    rows, rounds = until_done(run)
    assert [row["outcome"] for row in rows] == ["ok", "ok"] and rounds > 2
    for row in rows:
        jsonschema.validate(row["answer"], SCHEMA)
    parts = rows[0]["parts"]
    assert len(parts) > 30 and "".join(one["text"][part["from"] : part["to"]] for part in parts) == one["text"]


# ---- money --------------------------------------------------------------------------------------


def test_the_plan_has_the_rounds_to_come_and_the_budget_too(run):
    run.batch([talk("big", 60), talk("short", 2)])
    made = plan(run.ws, run.provider, Asked(), Tariff(run.provider))
    said = dict(line.split(None, 1) for line in table(made) if line[:1].strip())
    assert said["later"].startswith("about 1 request that combine") or "1 request" in said["later"]
    parts, later = made.parts[0].estimate.cost_most, made.later.cost_most
    assert later > 0
    with pytest.raises(SpendError, match="for 4 requests more and the rounds that combine their answers"):
        run.submit(Asked(bounds=Bounds(parts + later * 0.9)))
    assert run.till.jobs == []
    rows, _ = until_done(run, bounds=Bounds(parts + later * 1.1))
    assert run.till.total() <= parts + later and {row["outcome"] for row in rows} == {"ok"}
    assert plan(run.ws, run.provider, Asked(), Tariff(run.provider)).later.requests == 0


def test_what_is_planned_at_most_is_not_passed_by_many_rounds(run):
    run.till.share = 1.0  # every answer as long as it may be
    run.till.words = lambda name, body: "the oats and " * (body["max_tokens"] // 3)
    run.batch([talk("big", 120)], most=200, window=900)
    made = plan(run.ws, run.provider, Asked(), Tariff(run.provider))
    until_done(run)
    assert run.till.total() <= made.parts[0].estimate.cost_most + made.later.cost_most


def test_a_sample_is_of_whole_transcripts(run):
    run.batch([talk("a", 60), talk("b", 80), *(talk(f"s{n}", 1 + n) for n in range(5))])
    run.submit(Asked(sample=3))
    rows = run.results()
    sent = {name for job in run.till.jobs for name in job["names"]}
    whole = {name.partition(".")[0] for name in sent}
    assert len(whole) == 3
    for name in whole & {"a", "b"}:
        assert sum(one.startswith(f"{name}.") for one in sent) == len(rows[0 if name == "a" else 1]["parts"])
    rows, _ = until_done(run)
    assert {row["outcome"] for row in rows} == {"ok"}


# ---- times --------------------------------------------------------------------------------------


def test_when_a_part_is_said():
    segments = [
        {"text": "oats", "start": 1.0},
        {"text": "rye", "start": 5.0},
        {"text": "oats", "start": 9.0, "end": 9.5},
    ]
    known = moments("Tom: oats rye\n\nInes: oats", segments)
    assert known == [(9, 1.0), (13, 5.0), (25, 9.0), (math.inf, 9.5)]
    assert when(known, 0, 9) == (1.0, 5.0)  # cut behind the first segment
    assert when(known, 7, 11) == (1.0, 5.0)  # in the middle of two
    assert when(known, 15, 25) == (9.0, 9.5)  # from the name to the end
    assert when([], 0, 9) == (None, None)
    assert moments("other words", segments) == []


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1500, 6000), st.integers(50, 2000), st.lists(st.integers(1, 1500), min_size=2, max_size=30),
    st.booleans(),
)  # fmt: skip
@example(3000, 2000, [400, 400], True)
def test_each_request_of_a_round_fits_and_has_room_for_its_answer(size, most, lengths, twice):
    """However long the answers are that came, as we count them, and in whatever language."""
    template = "{{ text }} {{ text }}" if twice else "{{ text }}"
    prompt, window = Prompt(MODEL, template=template, max_tokens=most, window=size), Window(FAKE, MODEL, size)
    shares = window.shares(prompt, {"id": "t"}, combine=True)
    # What a service counts: no answer has more than it was allowed to.
    texts = ["日" * min(length, shares.answer) for length in lengths]
    said = [Said(n, n, len(texts), 0.0, 1.0, text) for n, text in enumerate(texts, 1)]
    made = combining(prompt, {"id": "t"}, said, window, "t", 2)
    assert [to.first for _, to in made] == sorted({to.first for _, to in made}) and made[-1][1].last == len(said)
    assert len(made) < len(said)
    for request, to in made:
        assert (request is None) == (to.first == to.last)
        if request:
            body = request["body"]
            content = body["messages"][-1]["content"]
            counted = content.count("日") + content.count("art") * 30
            assert shares.answer <= body["max_tokens"] <= prompt.max_tokens
            assert counted + tokens(str(body["messages"][:-1]), MODEL) + body["max_tokens"] <= size
    assert tokens("Parts 1 to 20 of 42, 100:00:00 to 103:00:00:\n\n\n\n", MODEL) < HEAD


def test_a_template_that_sends_the_text_twice_has_shorter_parts():
    long = talk("t", 90)
    for template in ("{{ text }} {{ timed }}", "{{ text | upper }} {{ text }}"):
        prompt = Prompt(MODEL, template=template, max_tokens=100, window=1500, long="split")
        for body, _ in pieces(prompt, long, Window(FAKE, MODEL, 1500), 30):
            assert tokens(body["messages"][-1]["content"], MODEL) + 100 <= 1500


def test_answers_that_fill_the_window_are_combined_whole(run):
    """No answer is asked for with next to nothing left for it, in a language whose tokens we can only guess."""
    run.till.words = lambda name, body: "日" * body["max_tokens"]
    run.batch([talk("big", 120)], most=400, window=1500)
    rows, _ = until_done(run)
    sent = read_jsonl(run.ws.batch) + read_jsonl(run.ws.round)
    assert rows[0]["outcome"] == "ok" and min(request["body"]["max_tokens"] for request in sent) > 300


# ---- what was paid in another way ---------------------------------------------------------------


def test_a_transcript_that_was_paid_whole_is_not_paid_again_in_parts_nor_the_other_way(run):
    run.batch([talk("big", 60)], window=9000)
    run.submit()
    run.batch([talk("big", 60)])
    with pytest.raises(SpendError, match="3 of 3 requests were already submitted with another body"):
        run.submit()
    run.submit(Asked(replace=True))
    run.results()
    run.submit()  # the round combines what was just paid for: no word is needed again
    assert run.results()[0]["outcome"] == "ok" and len(run.till.jobs) == 3
    run.batch([talk("big", 60)], how="truncate")
    with pytest.raises(SpendError, match="1 of 1 request"):
        run.submit()
    run.batch([talk("big", 60)])
    run.submit()
    assert len(run.till.jobs) == 3 and run.results()[0]["outcome"] == "ok"


def test_parts_that_are_not_sent_yet_are_no_change(run):
    run.till.limits = Limits(max_requests=1, poll=(0.0, 0.0), max_jobs=1)
    run.batch([talk("big", 60)])
    rows, submits = until_done(run)
    assert rows[0]["outcome"] == "ok" and submits > 3 and max(run.till.sent().values()) == 1


def test_what_is_to_come_shrinks_to_nothing_and_stays_there(run):
    run.till.words = lambda name, body: "the oats and " * 60
    run.batch([talk("big", 120)], most=200, window=900)
    left = []
    for _ in range(8):
        left.append(plan(run.ws, run.provider, Asked(), Tariff(run.provider)).later.requests)
        run.submit()
        run.results()
    assert left == sorted(left, reverse=True) and left[0] > left[2] > 0 and left[-1] == 0
    run.batch([talk("big", 120), talk("short", 2)], most=200, window=900)
    made = plan(run.ws, run.provider, Asked(), Tariff(run.provider))
    assert (made.later.requests, made.parts[0].requests) == (0, 1)


def test_killed_between_a_round_and_its_hash_the_old_one_is_still_whole(ws):
    from pipeline.errors import DamagedError
    from pipeline.results.round_file import check, seal

    ws.root.mkdir(parents=True)
    new = ws.root / "new"
    for text in (b"one\n", b"two\n", b"three\n"):
        new.write_bytes(text)
        seal(ws, new)  # killed here twice: the second and the third time
        if text == b"one\n":
            new.replace(ws.round)
        check(ws)
    ws.round.write_bytes(b"four\n")
    with pytest.raises(DamagedError):
        check(ws)
    ws.round.write_bytes(b"three\n")
    check(ws)

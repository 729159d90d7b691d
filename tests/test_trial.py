"""A few answers at once: the cost is said first, each request is asked once, and what came is kept."""

from __future__ import annotations

import orjson
import pytest

from pipeline.base.atomic_files import append
from pipeline.batch.answer_schema import Answer
from pipeline.batch.prompt import Prompt
from pipeline.errors import Ambiguous, InputError, Rejected, SpendError
from pipeline.money.tariff import Tariff
from pipeline.provider import Price, Provider
from pipeline.sending import try_columns as columns
from pipeline.sending import try_few as trial
from tests.conftest import batched, read_jsonl, write_jsonl
from tests.invoice import Paid, Till
from tests.test_answer import SCHEMA
from tests.test_long import talk

MODEL = "Llama-3.1-8B"
PRICE = Price(1.0, 2.0, 3.0, 4.0, source="the test's own")


class Asking(Paid):
    """Answers at once too; `asked` is the invoice. What is in `trouble` is raised first."""

    def __init__(self, till: Till, price: Price | None = PRICE) -> None:
        super().__init__(till, price)
        self.asked: list[str] = []
        self.trouble: list[Exception] = []

    def ask(self, line: bytes, model: str) -> bytes:
        request = orjson.loads(line)
        self.asked.append(request["custom_id"])
        if self.trouble:
            raise self.trouble.pop(0)
        return orjson.dumps(self.service._row(request))


@pytest.fixture
def provider():
    return Asking(Till())


@pytest.fixture
def make(ws, tmp_path):
    def batch(texts, **prompt):
        talks = [{"id": name, "text": text} for name, text in texts.items()]
        batched(ws, [write_jsonl(tmp_path / "t.jsonl", talks)], Prompt(MODEL, "Be brief.", max_tokens=40, **prompt))

    return batch


def tried(ws, provider, number=3, wanted="", budget=None):
    pairs = trial.chosen(ws, number, wanted)
    return list(trial.trial(ws, provider, pairs, Tariff(provider), budget))


TEXTS = {name: f"the oats of {name} " * size for name, size in zip("abcdefg", (1, 9, 2, 8, 3, 7, 5), strict=True)}


def test_some_of_all_lengths_are_asked_once_and_kept(ws, provider, make):
    make(TEXTS)
    done = tried(ws, provider)
    assert provider.asked == [one.carried["id"] for one in done] and len(set(provider.asked)) == 3
    sizes = sorted(TEXTS, key=lambda name: len(TEXTS[name]))
    assert {sizes.index(name) // 3 for name in provider.asked} == {0, 1}  # the middle, a quarter, three quarters
    assert all(one.result.ok and one.result.text.startswith(one.carried["id"]) for one in done)
    usage = done[0].result.usage
    assert done[0].cost == pytest.approx((usage["prompt_tokens"] * 3 + usage["completion_tokens"] * 4) / 1e6)
    again = tried(ws, provider, 4)
    assert len(provider.asked) == 4 and [one.kept for one in again].count(True) == 3
    assert [one.result.text for one in again if one.kept] == [one.result.text for one in done]
    assert provider.service.jobs == []


def test_one_by_its_id(ws, provider, make):
    make(TEXTS)
    (one,) = tried(ws, provider, 3, "e")
    assert one.carried["id"] == "e" and provider.asked == ["e"]
    with pytest.raises(InputError, match="no transcript has the id 'z'"):
        trial.chosen(ws, 3, "z")


def test_more_than_there_are_is_all(ws, provider, make):
    make({"a": "oats"})
    assert len(tried(ws, provider, 9)) == 1


def test_before_a_batch_there_is_nothing_to_try(ws):
    with pytest.raises(InputError, match="run `make batch`"):
        trial.chosen(ws, 3)


def test_the_budget_is_for_what_is_asked_now(ws, provider, make):
    make(TEXTS)
    pairs = trial.chosen(ws, 2)
    cost = trial.most([request for request, _ in pairs], Tariff(provider))
    assert 0 < cost < 0.01
    with pytest.raises(SpendError, match=r"nothing is sent: .* they may cost \$0\.00\d+; raise BUDGET"):
        tried(ws, provider, 2, budget=cost * 0.99)
    assert provider.asked == []
    done = tried(ws, provider, 2, budget=cost * 1.01)
    assert sum(one.cost for one in done) <= cost
    tried(ws, provider, 2, budget=0.0)  # all of it is kept
    with pytest.raises(SpendError, match="their price is not known; PRICE_IN"):
        tried(ws, Asking(Till(), Price(1.0, 2.0)), 3, budget=9.0)


def test_a_price_that_is_given_is_that_of_one_answer(ws, provider, make):
    make({"a": "oats"})
    provider._price = Price(None, None)
    pairs = trial.chosen(ws, 1)
    (one,) = trial.trial(ws, provider, pairs, Tariff(provider, 3.0, 4.0), 1.0)
    usage = one.result.usage
    assert one.cost == pytest.approx((usage["prompt_tokens"] * 3 + usage["completion_tokens"] * 4) / 1e6)


def test_the_same_question_under_another_id_is_not_asked_again(ws, provider, make):
    make({"a": "oats"})
    tried(ws, provider)
    make({"renamed": "oats"})
    (one,) = tried(ws, provider)
    assert one.kept and provider.asked == ["a"] and one.result.custom_id == "renamed"


def test_what_failed_is_told_and_asked_again_the_next_time(ws, provider, make):
    make({"a": "oats", "b": "rye"})
    provider.trouble = [Ambiguous("the answer was lost")]
    provider.service.fails = {"b"}
    done = tried(ws, provider)
    assert sorted(one.result.error["message"] for one in done) == [
        "it went wrong",
        "the answer was lost; it may be paid all the same",
    ]
    with pytest.raises(Rejected, match="no request was answered; the last: "):
        trial.summary(done, "")
    provider.service.fails = set()
    again = tried(ws, provider)
    assert [one.result.ok for one in again] == [True, True] and len(provider.asked) == 4


def test_a_crash_while_an_answer_is_stored_loses_that_one_alone(ws, provider, make):
    make({"a": "oats", "b": "rye"})
    tried(ws, provider, 1)
    with ws.tries.open("ab") as stream:
        stream.write(b'{"request": "77", "outp')
    tried(ws, provider, 2)
    assert len(provider.asked) == 2
    tried(ws, provider, 2)
    assert len(provider.asked) == 2 and ws.tries.read_bytes().count(b"\n") == 3


def test_lines_are_added_behind_whatever_is_there(tmp_path):
    path = tmp_path / "x"
    for line in (b"a", b"b"):
        append(path, line)
    assert path.read_bytes() == b"a\nb\n"
    path.write_bytes(b"a\nb")
    append(path, b"c")
    assert path.read_bytes() == b"a\nb\nc\n"


def test_structured_answers_are_judged(ws, provider, make):
    provider.service.words = lambda name, body: '{"topics": ["rye"]}' if name == "a" else "{"
    make({"a": "oats", "b": "rye"}, answer=Answer(SCHEMA))
    done = {one.carried["id"]: one for one in tried(ws, provider)}
    assert done["a"].result.answer == {"topics": ["rye"]}
    assert columns.outcome(done["b"]) == "invalid"
    assert "1 answer of" not in trial.summary(list(done.values()), "")
    facts = columns.facts(done["b"])
    assert (facts["outcome"], facts["text"], facts["error"]["code"]) == ("invalid", "{", "invalid")


def test_of_a_long_transcript_the_first_part_is_tried(ws, provider, tmp_path):
    prompt = Prompt(MODEL, max_tokens=40, window=900, long="split")
    batched(ws, [write_jsonl(tmp_path / "t.jsonl", [talk("big", 60), {"id": "b", "text": "oats"}])], prompt)
    tried(ws, provider)
    assert sorted(provider.asked) == ["b", "big.p01"]


def test_a_service_without_such_a_door_says_what_to_type(ws, make):
    class Batches(Paid):
        ask = Provider.ask

    make({"a": "oats"})
    done = tried(ws, Batches(Till()))
    with pytest.raises(Rejected, match="fake answers in batches only; `make submit SAMPLE=3` asks a few"):
        trial.summary(done, "")


def test_the_prompt_stands_beside_the_answer(ws, provider, make):
    make({"a": "the oats of the harbour " * 90, "b": "\x1b[31mrye"})
    for one in tried(ws, provider):
        lines = list(columns.columns(one, 90))
        head, body = lines[0], lines[1:-1]
        assert head.startswith(f"{one.carried['id']}: ok, stop, ") and "tokens in, 20 out, $0.00" in head
        assert all(" │" in line and len(line) <= 90 and line.isprintable() for line in body)
        left, right = ([line.split(" │")[side].strip() for line in body] for side in (0, 1))
        assert left[:2] == ["[system]", "Be brief."] and right[0].startswith(one.carried["id"])
        assert one.carried["id"] == "b" or left[-1].endswith(" more lines")


def test_the_command(run, tmp_path, monkeypatch, provider):
    monkeypatch.setattr("pipeline.plugins.find.provider", lambda name: provider)
    talks = write_jsonl(tmp_path / "t.jsonl", [{"id": name, "text": text} for name, text in TEXTS.items()])
    run("batch", talks, "--model", MODEL, "--max-tokens", "30")
    code, out, err = run("try", "--number", "2")
    assert code == 0 and out.count(" │") >= 4
    assert err.startswith("2 requests at once: $0.00") and "at most\n2 answers of 2, $0.00" in err
    code, out, _ = run("try", "--json")
    assert [orjson.loads(line)["outcome"] for line in out.splitlines()] == ["ok"] * 3
    assert len(provider.asked) == 3
    provider.trouble = [Rejected("ask: the key was refused (401)")]
    other = next(name for name in TEXTS if name not in provider.asked)
    code, _, err = run("try", "--id", other)
    assert code == 4 and "no request was answered; the last: ask: the key was refused (401)" in err
    assert read_jsonl(trial.Workspace.of("default", "together").tries)

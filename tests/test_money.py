"""The budget holds, the two books agree, and nothing is paid twice: whatever is changed or killed."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pipeline.base.clock import Clock
from pipeline.base.lock import lock
from pipeline.base.workspace import Workspace
from pipeline.batch.prompt import Prompt
from pipeline.errors import DoubtError, IncompleteError, PipelineError, SpendError, UnfinishedError
from pipeline.jobs.bill import bill
from pipeline.jobs.cost_so_far import committed, expected
from pipeline.jobs.cost_words import money
from pipeline.jobs.ledger import Ledger
from pipeline.money.tariff import Tariff
from pipeline.provider import Limits, Price
from pipeline.sending.plan import plan
from pipeline.sending.submit import submit
from pipeline.sending.submit_options import Asked, Bounds
from pipeline.sending.until_all_sent import sendall
from tests.conftest import batched, named, read_jsonl, write_jsonl
from tests.fakes import BUSY, LOST, Fake, FakeTime, Killed, Steps, dying_disk
from tests.invoice import PRICE, Paid, Till
from tests.stages import Watch

MARGIN = 0.005  # of Llama 3, whose name the tests use
WORDS = ["oats", "rye", "barley", "wheat", "millet", "spelt", "maize", "sorghum"]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=60).map(" ".join)


class Run:
    """One run of a person at a till, in a folder of its own."""

    def __init__(self, folder, till: Till, price: Price | None = PRICE) -> None:
        self.folder, self.till, self.time = folder, till, FakeTime()
        self.provider = Paid(till, price)
        self.ws = Workspace.of(folder.name, "fake")

    def batch(self, texts: dict[str, str], system: str = "", model: str = "Llama-3.1-8B", most: int = 50) -> None:
        talks = [{"id": name, "text": text} for name, text in texts.items()]
        self.folder.mkdir(exist_ok=True)
        batched(self.ws, [write_jsonl(self.folder / "talks.jsonl", talks)], Prompt(model, system, max_tokens=most))

    def submit(self, asked: Asked = Asked(), **how) -> dict:  # noqa: B008
        return submit(self.ws, self.provider, asked, clock=self.time.clock, say=lambda text: None, **how)

    def results(self) -> list[dict]:
        Watch(self.ws, self.provider, self.time.clock, lambda text: None).results(wait=True)
        return read_jsonl(self.ws.results)

    def killed(self, at: int, what, monkeypatch) -> bool:
        """Do it in a process that dies at that step; whether it died."""
        steps = Steps(at)
        with monkeypatch.context() as patch:
            dying_disk(patch, steps)
            self.till.step = steps
            try:
                what()
            except Killed:
                return True
            finally:
                self.till.step = lambda: None
        return False


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "run", Till())


# ---- the budget ---------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_budget_is_never_passed(data, tmp_path_factory, monkeypatch):
    """Corpora, limits, prices, counts and deaths at random: the invoice never has a request over the budget."""
    draw = data.draw
    limits = Limits(
        max_requests=draw(st.integers(1, 5)), poll=(0.0, 0.0), max_jobs=draw(st.none() | st.integers(1, 3)),
        max_enqueued_tokens=draw(st.none() | st.integers(200, 1000)),
    )  # fmt: skip
    till = Till(limits, draw(st.floats(0.8, 1 + MARGIN * 0.9)), draw(st.floats(0, 1)))
    price = Price(draw(st.floats(0, 50)), draw(st.floats(0, 50)))
    run = Run(tmp_path_factory.mktemp("budget"), till, price)
    texts = draw(st.dictionaries(st.sampled_from("abcdefgh"), TEXTS, min_size=1))
    till.fails = set(draw(st.sets(st.sampled_from("abcdefgh"), max_size=3)))
    till.ending = draw(st.sampled_from(["completed", "running"]))
    budget = draw(st.floats(0, 0.02))
    for _ in range(draw(st.integers(1, 6))):
        run.batch(texts, most=draw(st.sampled_from([10, 50])))
        asked = Asked(
            retry=draw(st.booleans()), replace=draw(st.booleans()), sample=draw(st.sampled_from([0, 0, 2])),
            bounds=Bounds(budget),
        )  # fmt: skip
        fault = draw(st.none() | st.just(LOST))
        if fault:
            till.fault("start", fault)
        with suppress(PipelineError):
            run.killed(draw(st.integers(1, 90)), lambda asked=asked: run.submit(asked), monkeypatch)
        till.faults.clear()
        assert till.total(price) <= budget + 1e-12
        if till.ending == "completed" and draw(st.booleans()):
            with suppress(PipelineError):
                run.results()
        texts |= draw(st.dictionaries(st.sampled_from("abcdefgh"), TEXTS, max_size=3))


def test_over_the_budget_nothing_is_sent(run):
    run.batch(dict.fromkeys("abc", "oats") | {"d": "rye"})
    with pytest.raises(
        SpendError, match=r"BUDGET=0\.0001: \$0\.00 so far, and \$0\.00\d+ at most for 2 requests more"
    ):
        run.submit(Asked(bounds=Bounds(0.0001)))
    assert run.till.jobs == []
    assert list(run.ws.shards.iterdir()) == []
    run.submit(Asked(bounds=Bounds(1)))
    assert len(run.till.jobs) == 1


def test_a_plan_that_is_over_the_budget_as_a_whole_is_not_begun(run):
    run.till.limits = Limits(max_requests=1, poll=(0.0, 0.0))
    run.batch({name: f"oats {name}" for name in "abcd"})
    with pytest.raises(SpendError, match="for 4 requests more"):
        run.submit(Asked(bounds=Bounds(0.0015)))  # three times one of them
    assert run.till.jobs == []


def test_jobs_that_run_and_answers_without_a_count_cost_at_most(run):
    run.batch({"a": "oats", "b": "rye"})
    run.till.ending, run.till.silent = "running", {"b"}
    run.submit()
    (receipt,) = Ledger(run.ws)
    tariff = Tariff(run.provider)
    most = expected(receipt, tariff).cost_most
    assert committed([receipt], tariff) == most > run.till.total()
    assert committed([replace(receipt, duplicates=["job-2"])], tariff) == 2 * most
    run.till.ending = "completed"
    rows = run.results()
    assert [row["cost"] is None for row in rows] == [False, True]
    assert committed(list(Ledger(run.ws)), tariff) == pytest.approx(most, rel=0.3)
    assert money(bill(Ledger(run.ws), tariff)).startswith(
        "not known: 1 answer came without a count of tokens; $0.0"
    )
    run.batch({"a": "oats", "b": "rye", "c": "barley"})
    with pytest.raises(SpendError, match="so far"):
        run.submit(Asked(bounds=Bounds(most)))


def test_what_the_run_has_cost_counts(run):
    run.batch({"a": "oats", "b": "rye"})
    run.submit()
    run.results()
    spent = run.till.total()
    assert committed(list(Ledger(run.ws)), Tariff(run.provider)) == pytest.approx(spent)
    run.batch({"a": "oats", "b": "rye", "c": "barley"})
    with pytest.raises(SpendError, match="so far"):
        run.submit(Asked(bounds=Bounds(spent * 1.01)))
    run.submit(Asked(bounds=Bounds(spent + 0.001)))
    assert len(run.till.jobs) == 2


def test_a_long_submit_stops_before_the_shard_that_would_break_the_budget(run, monkeypatch):
    """The service turns out to count twice as much: what has ended is known by its real price."""
    run.till.limits = Limits(max_requests=1, poll=(0.0, 0.0), max_jobs=1)
    run.till.drift = 40
    run.batch({name: f"oats {name}" for name in "abcd"}, most=1)
    one = (
        PRICE.input
        * run.till.usage({"model": "m", "messages": [{"content": "oats a"}], "max_tokens": 1})["prompt_tokens"]
        / 1e6
    )
    asked = Asked(bounds=Bounds(2.5 * one))
    assert run.submit(asked)["waiting"] == 3
    with pytest.raises(SpendError, match="so far"):
        for _ in range(4):
            run.submit(asked)
    assert len(run.till.jobs) == 2 and run.till.total() <= 2.5 * one


@pytest.mark.parametrize("price", [None, Price(1.0, None), Price(None, None, 2.0)])
def test_without_a_price_there_is_no_budget(tmp_path, price):
    run = Run(tmp_path / "run", Till(), price)
    run.batch({"a": "oats"})
    with pytest.raises(
        SpendError, match=r"the price of Llama-3\.1-8B is not known; nothing is sent\. PRICE_IN and"
    ):
        run.submit(Asked(bounds=Bounds(100)))
    assert run.till.jobs == []
    run.submit(Asked(bounds=Bounds(100)), tariff=Tariff(run.provider, 1.0, 2.0))
    assert len(run.till.jobs) == 1


def test_a_lost_start_counts_and_the_look_for_its_job_is_free(run, monkeypatch):
    run.batch({"a": "oats"})
    run.till.fault("start", LOST, LOST)
    one = expected_most(run)
    monkeypatch.setattr(Fake, "lists_all", True)
    with monkeypatch.context() as patch:
        patch.setattr(Fake, "_of", lambda self, handle: [])
        with pytest.raises(SpendError, match=r"so far, and \$0\.\d+ at most for 1 request more"):
            run.submit(Asked(bounds=Bounds(1.5 * one)))  # there is no money for a second start
        assert len(run.till.jobs) == 1
        with pytest.raises(DoubtError, match="2 starts had no answer"):
            run.submit(Asked(bounds=Bounds(2.5 * one)))
        with pytest.raises(DoubtError):
            run.submit(Asked(bounds=Bounds(0)))
    assert len(run.till.jobs) == 2 and committed([*Ledger(run.ws)], Tariff(run.provider)) == pytest.approx(2 * one)
    run.submit(Asked(bounds=Bounds(0)))  # the service lists them by now
    assert [job["state"] for job in run.till.jobs] == ["running", "cancelled"]


def test_a_lost_start_of_a_shard_that_was_dropped_still_counts(run, monkeypatch):
    run.batch({"a": "oats"})
    run.till.fault("start", LOST)
    one = expected_most(run)
    with monkeypatch.context() as patch:
        patch.setattr(Fake, "_of", lambda self, handle: [])
        with pytest.raises(DoubtError):
            run.submit()
        run.batch({"a": "oats"}, system="Be brief.")
        asked = Asked(again="0001", bounds=Bounds(1.5 * one))
        with pytest.raises(SpendError, match="so far"):
            run.submit(asked)
        assert len(run.till.jobs) == 1
        with pytest.raises(
            DoubtError, match="what is asked now is not the same"
        ):  # a command that was refused was no word
            run.submit()
        assert len(run.till.jobs) == 1
        run.submit(Asked(again="0001", bounds=Bounds(3 * one)))
    assert len(run.till.jobs) == 2
    assert committed(Ledger(run.ws).paid(), Tariff(run.provider)) > 1.9 * one


def expected_most(run: Run) -> float:
    return plan(run.ws, run.provider, Asked(), Tariff(run.provider)).parts[0].estimate.cost_most


# ---- the queue ----------------------------------------------------------------------------------


def test_jobs_beyond_the_quota_stay_planned_and_are_sent_as_others_end(run):
    run.till.limits = Limits(max_requests=1, poll=(0.0, 0.0))
    run.batch({name: f"oats {name}" for name in "abcde"})
    asked = Asked(bounds=Bounds(queue_jobs=2))
    done = run.submit(asked)
    assert (done["sent_now"], done["waiting"], len(run.till.jobs)) == (2, 3, 2)
    assert run.submit(asked)["sent_now"] == 2  # the first two have ended
    assert run.submit(asked)["sent_now"] == 1
    assert run.submit(asked)["sent_now"] == 0
    assert [row["outcome"] for row in run.results()] == ["ok"] * 5
    assert set(run.till.sent().values()) == {1}


def test_a_goal_that_starts_nothing_waits_for_no_room(run):
    run.till.limits = Limits(max_requests=1, poll=(0.0, 0.0))
    run.batch({name: f"oats {name}" for name in "ab"})
    run.submit(Asked(bounds=Bounds(queue_jobs=1)))
    watch = Watch(run.ws, run.provider, FakeTime(most=300).clock, print, tariff=Tariff(run.provider))
    assert sendall(watch, Asked(partial=True), wait=True, new_jobs=False)["waiting"] == 1


def test_tokens_that_wait_at_the_service_stay_under_the_quota(run):
    texts = {name: f"{name} " + "oats " * 40 for name in "abcdef"}
    run.till.limits = Limits(max_enqueued_tokens=200, poll=(0.0, 0.0))
    run.batch(texts)
    for _ in range(6):
        open_jobs = [job for job in run.till.jobs if job["state"] == "running"]
        tokens = sum(r["response"]["body"]["usage"]["prompt_tokens"] for j in open_jobs for r in run.till.rows(j))
        assert tokens <= 200
        run.submit()
    assert [row["outcome"] for row in run.results()] == ["ok"] * 6
    assert all(len(job["names"]) == 2 for job in run.till.jobs)  # cut to the quota


def test_a_request_over_the_whole_quota_is_named_before_anything_is_sent(run):
    run.batch({"a": "oats", "b": "rye " * 500})
    with pytest.raises(PipelineError, match=r"b has up to [\d,]+ tokens, and the queue takes 100; nothing"):
        run.submit(Asked(bounds=Bounds(queue_tokens=100)))
    assert run.till.jobs == [] and run.till.files == {}


def test_results_of_what_was_sent_while_the_rest_waits(run):
    run.till.limits = Limits(max_requests=1, poll=(0.0, 0.0))
    run.batch({"a": "oats", "b": "rye"})
    run.submit(Asked(bounds=Bounds(queue_jobs=1)))
    assert [(row["outcome"], row["cost"]) for row in run.results()][1] == ("unsent", 0)
    run.submit()
    assert [row["outcome"] for row in run.results()] == ["ok", "ok"]


def test_the_wait_for_room_lasts_until_a_job_ends(run):
    run.till.ending = "running"
    run.batch({"a": "oats"})
    run.submit()
    polls = []
    watch = Watch(run.ws, run.provider, run.time.clock, polls.append, poll=10.0)

    def look():
        polls.append(run.time.time)
        if len(polls) == 3:
            run.till.ending = "completed"

    run.till.step = look
    began = run.time.time
    watch.until_one_ends()
    assert run.time.time - began >= 20
    assert [receipt.state for receipt in Ledger(run.ws)] == ["completed"]
    watch.until_one_ends()  # none runs: there is nothing to wait for


def test_another_try_that_waits_for_room_goes_on_without_being_asked_for_again(run):
    run.till.limits, run.till.fails = Limits(max_requests=1, poll=(0.0, 0.0)), set("abc")
    run.batch({name: f"oats {name}" for name in "abc"})
    run.submit()
    run.results()
    run.till.fails = set()
    asked = Asked(retry=True, bounds=Bounds(queue_jobs=1))
    assert run.submit(asked)["waiting"] == 2
    assert plan(run.ws, run.provider, Asked(), Tariff(run.provider)).parts[0].requests == 2
    assert run.submit()["sent_now"] == 2
    assert [row["outcome"] for row in run.results()] == ["ok"] * 3
    assert len(run.till.jobs) == 6


def test_another_body_that_waits_for_room_goes_on_until_it_is_put_back(run):
    run.till.limits = Limits(max_requests=1, poll=(0.0, 0.0))
    run.batch({"a": "oats", "b": "rye"})
    run.submit()
    run.batch({"a": "oats", "b": "rye"}, system="Be brief.")
    assert run.submit(Asked(replace=True, bounds=Bounds(queue_jobs=1)))["waiting"] == 1
    run.batch({"a": "oats", "b": "rye"})
    assert run.submit()["sent_now"] == 0
    run.batch({"a": "oats", "b": "rye"}, system="Be brief.")
    with pytest.raises(SpendError):  # it was dropped with the body
        run.submit()
    run.submit(Asked(replace=True))
    assert len(run.till.jobs) == 4


def test_the_wait_outlasts_other_commands_and_a_quota_that_nobody_published(run):
    run.till.limits = Limits(max_requests=1, poll=(0.0, 0.0))
    run.batch({name: f"oats {name}" for name in "abc"})
    said = []
    watch = Watch(run.ws, run.provider, run.time.clock, said.append, poll=5.0)
    run.till.fault("start", None, *[BUSY] * 8)
    done = sendall(watch, Asked(bounds=Bounds(queue_jobs=1)), wait=True)
    assert (done["sent_now"], done["waiting"], len(run.till.jobs)) == (3, 0, 3)
    assert "come back later" in said

    run.batch({name: f"oats {name}" for name in "abcd"})
    with lock(run.ws.lock, "results"), pytest.raises(UnfinishedError):
        sendall(watch, Asked())
    holder = ExitStack()
    holder.enter_context(lock(run.ws.lock, "results"))
    clock = Clock(now=run.time.clock.now, sleep=lambda seconds: holder.close())
    assert sendall(Watch(run.ws, run.provider, clock, said.append), Asked(), wait=True)["sent_now"] == 1
    assert any("is in use by `results`" in text for text in said)


# ---- samples ------------------------------------------------------------------------------------


def test_a_sample_is_spread_over_lengths_and_the_same_each_time(run):
    texts = {f"t{n}": f"{n} " + "oats " * n for n in range(1, 40)}
    run.batch(texts)
    asked = Asked(sample=4)
    assert run.submit(asked)["unsent"] == 35
    assert run.till.paid() == ["t10", "t20", "t30", "t5"]
    assert run.submit(asked)["sent_now"] == 0
    assert run.submit(Asked(sample=6))["sent_now"] == 2  # the larger one holds the smaller one
    run.batch(texts | {"t40": "rye"})
    assert run.submit(Asked(sample=6))["sent_now"] == 0  # what was sent is part of it
    run.batch(texts)
    rows = run.results()
    assert (
        sum(row["outcome"] == "ok" for row in rows) == 6 and sum(row["outcome"] == "unsent" for row in rows) == 33
    )
    run.submit()
    assert set(run.till.sent().values()) == {1} and len(run.till.sent()) == 39
    assert all(row["outcome"] == "ok" for row in run.results())


def test_a_sample_as_large_as_the_batch_is_the_batch(run):
    run.batch({"a": "oats", "b": "rye"})
    assert run.submit(Asked(sample=9))["unsent"] == 0
    assert run.till.paid() == ["a", "b"]


def test_results_of_a_batch_that_has_grown_are_refused(run):
    run.batch({"a": "oats"})
    run.submit()
    run.batch({"a": "oats", "b": "rye"})
    with pytest.raises(IncompleteError, match="never submitted"):
        run.results()


@pytest.mark.parametrize(("billed", "cost"), [(False, 0.0), (True, None), (None, None)])
def test_a_request_without_an_answer_is_free_where_the_service_says_so(billed, cost, run):
    run.provider.bills_failed, run.till.fails = billed, {"a"}
    run.batch({"a": "oats"})
    run.submit()
    assert [row["cost"] for row in run.results()] == [cost]


# ---- requests that ask the same -----------------------------------------------------------------


def test_what_asks_the_same_is_sent_once_and_answered_for_each(run):
    run.batch({"a": "oats", "b": "rye", "c": "oats", "d": "oats"})
    run.submit()
    assert run.till.paid() == ["a", "b"]
    rows = run.results()
    assert [row["text"] for row in rows] == ["a: oats", "b: rye", "a: oats", "a: oats"]
    assert [row["sent_as"] for row in rows] == [None, None, "a", "a"]
    assert sum(row["cost"] for row in rows) == pytest.approx(run.till.total())


def test_each_can_be_sent_and_has_its_own_answer(run):
    run.batch({"a": "oats", "b": "oats"})
    run.submit(Asked(each=True))
    assert run.till.paid() == ["a", "b"]
    assert [row["text"] for row in run.results()] == ["a: oats", "b: oats"]


def test_a_transcript_under_another_name_is_not_paid_again(run):
    run.batch({"a": "oats"})
    run.submit()
    run.results()
    run.batch({"renamed": "oats", "copy": "oats"})
    run.submit()
    assert run.till.paid() == ["a"]
    assert [row["text"] for row in run.results()] == ["a: oats"] * 2


def test_two_transcripts_that_change_their_texts_change_their_answers(run):
    run.batch({"a": "oats", "b": "rye"})
    run.submit()
    run.results()
    run.batch({"a": "rye", "b": "oats"})
    run.submit()
    assert len(run.till.jobs) == 1
    assert [(row["text"], row["sent_as"]) for row in run.results()] == [("b: rye", "b"), ("a: oats", "a")]


def test_an_answer_of_its_own_is_not_taken_from_another_model(run):
    run.batch({"a": "oats"})
    run.submit()
    run.batch({"b": "oats"}, model="Llama-3.3-70B")
    run.submit()
    assert len(run.till.jobs) == 2
    assert [row["model"] for row in run.results()] == ["Llama-3.3-70B"]


def test_of_what_failed_retry_sends_one(run):
    run.batch({"a": "oats", "b": "oats"})
    run.till.fails = {"a"}
    run.submit()
    assert [row["outcome"] for row in run.results()] == ["error"] * 2
    run.till.fails = set()
    run.submit()
    assert len(run.till.jobs) == 1
    run.submit(Asked(retry=True))
    assert len(run.till.jobs) == 2
    assert [row["outcome"] for row in run.results()] == ["ok"] * 2


# ---- everything at random -----------------------------------------------------------------------


class Months(RuleBasedStateMachine):
    """Somebody adds, edits, removes and restores transcripts, prompts and models, and is killed now and then."""

    folders = iter(())
    patch = None

    @initialize(limit=st.integers(1, 4))
    def begin(self, limit):
        self.run = Run(next(self.folders), Till(Limits(max_requests=limit, poll=(0.0, 0.0))))
        self.texts, self.gone, self.system, self.model = {"a": "oats"}, {}, "", "Llama-3.1-8B"
        self.replaced = False
        self.batch()

    def batch(self):
        self.run.batch(self.texts, self.system, self.model)

    @rule(name=st.sampled_from("abcdef"), text=st.sampled_from(WORDS[:4]))
    def add_or_edit(self, name, text):
        self.texts[name] = text
        self.batch()

    @precondition(lambda self: len(self.texts) > 1)
    @rule(data=st.data())
    def remove(self, data):
        name = data.draw(st.sampled_from(sorted(self.texts)))
        self.gone[name] = self.texts.pop(name)
        self.batch()

    @rule()
    def restore(self):
        self.texts |= self.gone
        self.batch()

    @rule(system=st.sampled_from(["", "Be brief."]), model=st.sampled_from(["Llama-3.1-8B", "Llama-3.3-70B"]))
    def ask_otherwise(self, system, model):
        self.system, self.model = system, model
        self.batch()

    @rule(fails=st.sets(st.sampled_from("abcdef"), max_size=2))
    def go_wrong(self, fails):
        self.run.till.fails = fails

    @rule(retry=st.booleans(), anew=st.booleans(), sample=st.sampled_from([0, 0, 1]), at=st.integers(1, 120))
    def submit(self, retry, anew, sample, at):
        retry = retry and any(receipt.begun for receipt in Ledger(self.run.ws))
        try:
            self.run.killed(at, lambda: self.run.submit(Asked(retry, anew, sample=sample)), self.patch)
        except SpendError:
            assert not anew
        except DoubtError:
            pass
        if not retry:
            assert all(self.run.till.sent()[body] <= 1 + count for body, count in self.run.till.failures().items())

    @rule(at=st.integers(1, 60))
    def results(self, at):
        with suppress(IncompleteError):
            self.run.killed(at, self.run.results, self.patch)

    @invariant()
    def nothing_that_has_an_answer_is_sent_again(self):
        till = self.run.till
        failures = till.failures()
        assert all(count <= 1 + failures[body] for body, count in till.sent().items())

    def finish(self):
        """All is sent; what is in doubt is started again, as a person says who knows that nothing runs."""
        again = ""
        while True:
            try:
                return self.run.submit(Asked(replace=True, again=again))
            except DoubtError as error:
                again = named(str(error))

    def teardown(self):
        """In the end all is sent and fetched, and the two books agree."""
        if not hasattr(self, "run"):
            return
        self.finish()
        rows = self.run.results()
        assert [row["custom_id"] for row in rows] == list(self.texts)
        for row in rows:
            assert row["outcome"] == "error" or row["text"].endswith(f": {self.texts[row['custom_id']]}")
        books = bill(Ledger(self.run.ws), Tariff(self.run.provider))
        assert books.cost == pytest.approx(self.run.till.total())
        assert len(books_jobs(self.run)) == len(self.run.till.jobs)


def books_jobs(run: Run) -> list[str]:
    return [receipt.ref["id"] for receipt in Ledger(run.ws) if receipt.ref]


@pytest.mark.parametrize("examples", [pytest.param(30), pytest.param(500, marks=pytest.mark.long)])
def test_months_of_changes(examples, tmp_path_factory, monkeypatch):
    Months.folders = iter(lambda: tmp_path_factory.mktemp("months"), None)
    Months.patch = monkeypatch
    run_state_machine_as_test(
        Months,
        settings=settings(
            max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )

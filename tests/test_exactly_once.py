"""The one thing that cannot be mended later: nothing is paid twice, and no answer is lost."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from pipeline.errors import Busy, DoubtError, IncompleteError, Rejected, SpendError, UnfinishedError
from pipeline.jobs.cancel import cancel
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.start_context import Starter
from pipeline.provider import Download
from pipeline.sending.submit import submit
from pipeline.sending.until_all_sent import sendall
from tests.conftest import named, read_jsonl
from tests.fakes import BUSY, LOST, NEVER, Fake, FakeTime, Killed, Service, Steps, asking, dying_disk, error_line
from tests.stages import Watch

IDS = ("a", "b", "c", "d", "e")


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def time():
    return FakeTime()


@pytest.fixture
def complete(monkeypatch):
    """The list is known to show each job that exists."""
    monkeypatch.setattr(Fake, "lists_all", True)


@pytest.fixture
def send(ws, service, time):
    """`send()` is `make submit`."""
    return lambda **how: submit(ws, Fake(service), clock=time.clock, say=lambda text: None, **asking(how))


@pytest.fixture
def collect(ws, service, time):
    """`collect()` is `make results WAIT=1`; returns the outcomes by custom_id."""

    def run(wait=True, said=None):
        provider = Fake(service)
        say = (said if said is not None else []).append
        Watch(ws, provider, time.clock, say).results(wait)
        return {row["custom_id"]: row["outcome"] for row in read_jsonl(ws.results)}

    return run


def test_every_request_gets_its_own_answer_in_batch_order(ws, make_batch, service, send, collect):
    make_batch(*IDS)
    send()
    assert collect() == dict.fromkeys(IDS, "ok")
    rows = read_jsonl(ws.results)
    assert [row["custom_id"] for row in rows] == list(IDS)
    assert [row["text"] for row in rows] == [f"answer to {name}" for name in IDS]
    assert [row["title"] for row in rows] == ["A", "B", "C", "D", "E"]
    assert [len(job["names"]) for job in service.jobs] == [2, 2, 1]


def test_a_second_submit_sends_nothing(make_batch, service, send):
    make_batch(*IDS)
    send()
    send()
    assert service.paid() == list(IDS)


def finished(send):
    """Submit again; what the error names is typed, as a person would who knows that nothing runs."""
    try:
        send()
    except DoubtError as error:
        send(again=named(str(error)))


@pytest.mark.parametrize("at", range(1, 76))
def test_killed_at_any_step_then_submitted_again(at, make_batch, service, send, collect, monkeypatch):
    make_batch(*IDS)
    steps = Steps()
    steps.at = at
    with monkeypatch.context() as dying:
        dying_disk(dying, steps)
        service.step = steps
        try:
            send()
            died = False
        except Killed:
            died = True
        service.step = lambda: None
    assert died or at > steps.count
    finished(send)
    assert service.paid() == list(IDS)
    assert len(service.jobs) == 3
    assert collect() == dict.fromkeys(IDS, "ok")


def test_the_sweep_above_covers_every_step(make_batch, service, send, monkeypatch):
    make_batch(*IDS)
    steps = Steps()
    with monkeypatch.context() as dying:
        dying_disk(dying, steps)
        service.step = steps
        send()
    assert 40 < steps.count <= 75


@pytest.mark.parametrize("at", range(1, 40))
def test_killed_while_collecting(at, ws, make_batch, service, send, collect, monkeypatch):
    make_batch(*IDS)
    send()
    steps = Steps()
    steps.at = at
    with monkeypatch.context() as dying:
        dying_disk(dying, steps)
        service.step = steps
        try:
            collect()
        except Killed:
            assert not ws.results.exists() or len(read_jsonl(ws.results)) == len(IDS)
        service.step = lambda: None
    assert collect() == dict.fromkeys(IDS, "ok")
    assert len(service.jobs) == 3


@pytest.mark.parametrize("fault", [LOST, NEVER])
def test_a_lost_answer_is_looked_up_and_never_paid_twice(fault, complete, make_batch, service, send, collect):
    make_batch("a", "b")
    service.fault("start", fault)
    send()
    assert service.paid() == ["a", "b"]
    assert collect() == {"a": "ok", "b": "ok"}


def test_a_start_is_repeated_only_after_settle_and_three_good_lists(complete, make_batch, service, send, time):
    make_batch("a")
    service.fault("start", NEVER)
    began = time.time
    send(settle=300)
    assert time.time - began >= 300
    assert len(service.jobs) == 1


def test_a_shard_without_an_upload_has_no_job_to_look_for(complete, make_batch, service, send):
    """Its first start was lost, and the second one refused for good: that takes the upload with it."""
    make_batch("a")
    service.fault("start", NEVER, Rejected("no such model"))
    with pytest.raises(Rejected):
        send()
    send()
    assert service.paid() == ["a"]


def test_while_the_list_cannot_be_read_nothing_is_sent_again(make_batch, service, send):
    make_batch("a")
    service.fault("start", LOST)
    service.fault("find", None, *[BUSY] * 8)  # the look before the start is good
    with pytest.raises(UnfinishedError, match="not certain"):
        send()
    assert len(service.jobs) == 1
    send()
    assert len(service.jobs) == 1


def test_a_service_that_takes_no_start_is_given_up(complete, make_batch, service, send):
    make_batch("a")
    service.fault("start", NEVER, NEVER)
    with pytest.raises(DoubtError, match=r"2 starts had no answer.*up to 2 jobs of its 1 request may be paid"):
        send()
    assert service.jobs == []


def test_a_service_that_lists_nothing_gets_two_starts_of_a_shard_and_no_third(
    complete, ws, make_batch, service, monkeypatch
):
    """It creates, answers 500 and does not list: whatever is typed, two jobs, until a person says AGAIN=…"""
    make_batch("a", "b", "c")
    monkeypatch.setattr(Fake, "_of", lambda self, handle: [])
    time = FakeTime(most=200)
    watch = Watch(ws, Fake(service), time.clock, lambda text: None)

    def typed(**how):
        service.faults["start"] = [LOST] * 9
        with pytest.raises(DoubtError, match=r"may be paid.*AGAIN='?000\d-"):
            sendall(watch, asking(how)["asked"], wait=how.get("wait", False))

    typed()
    assert [job["names"] for job in service.jobs] == [["a", "b"]] * 2 + [["c"]] * 2  # one shard holds back no other
    for how in ({}, {"wait": True}, {"retry": True}, {"sample": 1}):
        typed(**how)
    make_batch("b", "c")  # what may be paid is not cut into another shard
    typed()
    make_batch("a", "b", "c", system="Be short.")
    typed()
    assert len(service.jobs) == 4
    make_batch("a", "b", "c")
    typed(replace=True, wait=True)
    assert len(service.jobs) == 4
    typed(again="0001 0002", wait=True)
    assert len(service.jobs) == 6


def test_what_is_dropped_stays_doubted(complete, make_batch, service, send, monkeypatch):
    make_batch("a", "b")
    monkeypatch.setattr(Fake, "_of", lambda self, handle: [])

    def typed(**how):
        service.faults["start"] = [LOST] * 9
        with pytest.raises(DoubtError):
            send(**how)

    typed()
    make_batch("a")
    typed(replace=True)
    typed(again="0001")  # one start more, as its requests may be paid
    make_batch("a", "b")
    for _ in range(3):
        typed()
    assert [job["names"] for job in service.jobs] == [["a", "b"], ["a", "b"], ["a"]]


def test_cancel_forgets_no_lost_start(complete, make_batch, service, send, ws, time, monkeypatch):
    make_batch("a")
    monkeypatch.setattr(Fake, "_of", lambda self, handle: [])
    said = []
    for _ in range(3):
        service.faults["start"] = [LOST] * 9
        with pytest.raises(DoubtError):
            send()
        ledger, fake = Ledger(ws), Fake(service)
        assert cancel(ledger, fake, Starter(ledger, fake, time.clock, said.append), said.append) == 0
    assert len(service.jobs) == 2 and "may be paid; `make submit` looks for it" in said[-1]


def test_a_late_job_of_a_repeated_start_is_cancelled(complete, make_batch, service, send, collect):
    make_batch("a")
    service.fault("start", NEVER)
    send()
    late = Fake(service).create(service.jobs[0]["file"])  # the first request, executed after all
    service.jobs[1]["created"] = "9999"
    assert collect() == {"a": "ok"}
    assert [job["state"] for job in service.jobs if job["id"] == late] == ["cancelled"]


def test_a_second_job_of_a_lost_start_is_cancelled_however_late(make_batch, service, send, collect):
    make_batch("a")
    service.fault("start", LOST)
    send()
    late = Fake(service).create(service.jobs[0]["file"])
    service.jobs[1]["created"] = "9999"
    assert collect() == {"a": "ok"}
    assert [job["state"] for job in service.jobs if job["id"] == late] == ["cancelled"]


def test_a_job_that_comes_after_its_start_was_given_up_is_taken(complete, make_batch, service, send, collect):
    make_batch("a")
    service.fault("start", NEVER, NEVER)
    with pytest.raises(DoubtError):
        send()
    Fake(service).create(next(iter(service.files)))
    send()
    assert len(service.jobs) == 1
    assert collect() == {"a": "ok"}


def test_of_two_jobs_of_one_start_the_earliest_stays(make_batch, service, send, ws):
    make_batch("a")

    def twice():
        Fake(service).create(next(iter(service.files)))

    service.fault("start", LOST)
    service.step = lambda: len(service.jobs) == 1 and twice()
    send()
    assert [job["state"] for job in service.jobs] == ["running", "cancelled"]
    assert [receipt.duplicates for receipt in Ledger(ws)] == [["job-2"]]


def test_a_busy_service_is_asked_again_later(make_batch, service, send, time):
    make_batch("a")
    service.fault("start", Busy("429", retry_after=7), Busy("429", retry_after=1e9))
    send()
    assert time.slept == [7, 60]
    assert service.paid() == ["a"]


def test_a_service_that_stays_busy_leaves_nothing_in_doubt(make_batch, service, send, ws):
    make_batch("a")
    service.fault("start", *[BUSY] * 5)
    with pytest.raises(Busy):
        send()
    assert [receipt.state for receipt in Ledger(ws)] == ["uploaded"]


def test_a_rejected_start_costs_nothing_and_is_tried_by_the_next_submit(make_batch, service, send, ws):
    make_batch("a")
    service.fault("start", Rejected("unknown model"))
    with pytest.raises(Rejected, match="unknown model"):
        send()
    assert [receipt.state for receipt in Ledger(ws)] == ["planned"]
    send()
    assert service.paid() == ["a"]


def test_results_never_pays(make_batch, service, send, collect):
    make_batch(*IDS)
    with pytest.raises(IncompleteError, match="5 of 5 requests were never submitted; run `make submit`"):
        send(new_jobs=False)
    with pytest.raises(IncompleteError, match="nothing was submitted"):
        collect()
    assert service.jobs == []


def test_only_what_is_new_is_sent(make_batch, service, send, collect):
    make_batch(*IDS)
    send()
    make_batch(*IDS, "f")
    with pytest.raises(IncompleteError, match="1 of 6"):
        send(new_jobs=False)
    send()
    assert service.jobs[-1]["names"] == ["f"]
    make_batch("b", "f")
    send()
    assert collect() == {"b": "ok", "f": "ok"}
    assert len(service.jobs) == 4


def test_another_prompt_is_refused_and_the_old_one_is_free(make_batch, service, send, collect):
    make_batch(*IDS)
    send()
    make_batch(*IDS, system="Be short.")
    with pytest.raises(SpendError, match=r"5 of 5 requests were already submitted with another body"):
        send()
    with pytest.raises(SpendError):
        send(retry=True)
    make_batch(*IDS)
    send()
    assert collect() == dict.fromkeys(IDS, "ok")
    assert len(service.jobs) == 3


def test_replace_pays_again_for_what_changed(make_batch, service, send, collect):
    make_batch(*IDS)
    send()
    make_batch(*IDS, system="Be short.")
    send(replace=True)
    assert len(service.jobs) == 6
    send()
    assert len(service.jobs) == 6
    assert collect() == dict.fromkeys(IDS, "ok")


def test_retry_sends_only_what_failed(make_batch, service, send, collect):
    make_batch(*IDS)
    service.answer = lambda name: error_line(name) if name in "bd" else Service().answer(name)
    send()
    assert collect() == {"a": "ok", "b": "error", "c": "ok", "d": "error", "e": "ok"}
    send()
    assert len(service.jobs) == 3
    service.answer = Service().answer
    send(retry=True)
    assert [job["names"] for job in service.jobs[3:]] == [["b", "d"]]
    assert collect() == dict.fromkeys(IDS, "ok")
    send(retry=True)
    assert len(service.jobs) == 4


def test_a_retry_of_a_whole_shard_does_not_take_the_old_job_for_the_new_one(make_batch, service, send, collect):
    make_batch("a")
    service.ending, service.answer = "failed", lambda name: None
    send()
    assert collect() == {"a": "error"}
    service.ending, service.answer = "completed", Service().answer
    service.fault("start", LOST)
    send(retry=True)
    assert [job["names"] for job in service.jobs] == [["a"], ["a"]]
    assert collect() == {"a": "ok"}


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [("completed", "missing"), ("failed", "error"), ("expired", "expired"), ("cancelled", "cancelled")],
)
def test_partial_output_is_kept_after_every_ending(ending, outcome, make_batch, service, send, collect):
    make_batch("a", "b")
    service.ending = ending
    service.answer = lambda name: Service().answer(name) if name == "a" else None
    send()
    assert collect() == {"a": "ok", "b": outcome}
    service.ending, service.answer = "completed", Service().answer
    send(retry=True)
    assert service.jobs[-1]["names"] == ["b"]


def test_a_job_of_the_same_bytes_that_nobody_knows_stops_the_submit(make_batch, service, send, collect, ws):
    make_batch("a")
    send()
    for path in [*ws.jobs.iterdir(), *ws.shards.iterdir()]:
        path.unlink()  # another machine, or a lost folder
    with pytest.raises(SpendError, match=r"job-1 .*ADOPT=1"):
        send()
    send(adopt=True)
    assert collect() == {"a": "ok"}
    assert len(service.jobs) == 1


def test_a_job_that_failed_and_that_nobody_knows_stops_no_submit(make_batch, service, send, collect, ws):
    make_batch("a")
    send()
    service.jobs[0]["state"] = "failed"
    for path in [*ws.jobs.iterdir(), *ws.shards.iterdir()]:
        path.unlink()
    send()
    assert collect() == {"a": "ok"}


def test_replace_pays_beside_a_job_that_nobody_knows(make_batch, service, send, ws):
    make_batch("a")
    send()
    for path in [*ws.jobs.iterdir(), *ws.shards.iterdir()]:
        path.unlink()
    send(replace=True)
    assert len(service.jobs) == 2
    assert [job["state"] for job in service.jobs] == [
        "running",
        "running",
    ]  # the other one is not ours to end


def test_a_lost_receipt_is_rebuilt_from_its_shard(make_batch, service, send, ws):
    make_batch("a", "b")
    send()
    for path in ws.jobs.iterdir():
        path.unlink()
    make_batch("0", "a", "b")  # would be cut into other shards, whose bytes no job of the service has
    with pytest.raises(SpendError, match="job-1"):
        send()
    assert service.paid() == ["a", "b"]


def test_a_prompt_that_changed_before_the_start_drops_the_old_shard(make_batch, service, send, collect):
    make_batch("a", "b", "c")
    service.fault("stage", Rejected("not now"))
    with pytest.raises(Rejected):
        send()
    make_batch("a", "b", "c", system="Be short.")
    send()
    assert service.paid() == ["a", "b", "c"]
    assert collect() == dict.fromkeys("abc", "ok")


def test_odd_lines_are_named_and_answers_stay_where_they_belong(make_batch, service, send, collect):
    make_batch("a", "b")
    service.answer = lambda name: {**Service().answer(name), "custom_id": "zz" if name == "b" else name}
    send()
    said = []
    assert collect(said=said) == {"a": "ok", "b": "missing"}
    assert any("0001-" in text and ".jsonl:1: custom_id 'zz' was not asked" in text for text in said)


def test_unfinished_jobs_are_no_results(make_batch, service, send, collect, ws):
    make_batch("a")
    service.ending = "running"
    send()
    with pytest.raises(UnfinishedError, match="1 of 1 job is still running"):
        collect(wait=False)
    assert not ws.results.exists()


def test_a_retry_is_not_stopped_by_a_second_job_that_was_cancelled(complete, make_batch, service, send, collect):
    make_batch("a")
    service.answer = lambda name: error_line(name)
    service.fault("start", NEVER)
    send()
    Fake(service).create(service.jobs[0]["file"])  # late, found and cancelled by the wait
    assert collect() == {"a": "error"}
    service.answer = Service().answer
    send(retry=True)
    assert collect() == {"a": "ok"}
    assert [job["state"] for job in service.jobs] == ["completed", "cancelled", "completed"]


@pytest.mark.parametrize("told", [True, False])
def test_files_without_a_last_newline_are_whole_and_kept_apart(
    told, make_batch, service, send, collect, monkeypatch
):
    make_batch("a", "b")
    send()
    lines = [orjson.dumps(service.answer("a")), orjson.dumps(error_line("b"))]
    files = [Download(str(n), len(line) if told else None, [line]) for n, line in enumerate(lines)]
    monkeypatch.setattr(Fake, "fetch", lambda self, ref: iter(files))
    assert collect(wait=False) == {"a": "ok", "b": "error"}
    make_batch("a", "b", "c")
    send()
    files[:] = [Download("output", None, [lines[0][:-9]])]
    with pytest.raises(Busy, match="middle of a line"):
        collect(wait=False)
    files[:] = [Download("output", None, [b"<html>\n"])]
    with pytest.raises(Busy, match="not the output of a job"):
        collect(wait=False)


def test_an_answer_beats_an_error_and_the_first_answer_the_second(
    make_batch, service, send, collect, monkeypatch, ws
):
    make_batch("a")
    send()
    first, second = service.answer("a"), {**service.answer("a"), "id": "another"}
    second = orjson.loads(orjson.dumps(second).replace(b"answer to a", b"something else"))
    data = b"".join(orjson.dumps(line) + b"\n" for line in (error_line("a"), first, second, error_line("a")))
    monkeypatch.setattr(Fake, "fetch", lambda self, ref: iter([Download("output", len(data), [data])]))
    assert collect() == {"a": "ok"}
    assert read_jsonl(ws.results)[0]["text"] == "answer to a"


def test_a_wrong_size_is_believed_when_every_request_is_answered(make_batch, service, send, collect, monkeypatch):
    make_batch("a", "b")
    send()
    fetch = Fake.fetch

    def wrong(self, ref):
        for download in fetch(self, ref):
            yield replace(download, size=download.size + 1)

    monkeypatch.setattr(Fake, "fetch", wrong)
    assert collect() == {"a": "ok", "b": "ok"}
    make_batch("a", "b", "c")
    service.answer = lambda name: None
    send()
    with pytest.raises(Busy, match=r"of 1 bytes|came empty"):
        collect(wait=False)

"""A shard is started again only on proof, or by a person's word; and a job is asked for only where it was started.

The services here do what some do: they create a job and answer 500, and their list is empty, late, unreadable, or
forgets. Whatever is typed, nobody pays for a second job unknowingly.
"""

from __future__ import annotations

import errno
import json
import re
from contextlib import suppress

import orjson
import pytest

from pipeline.base import atomic_files
from pipeline.base.workspace import Workspace
from pipeline.errors import Busy, DoubtError, IncompleteError, InputError, PipelineError, Rejected, SpendError
from pipeline.jobs.bill import bill
from pipeline.jobs.cancel import cancel
from pipeline.jobs.cost_so_far import committed
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.start_context import Starter
from pipeline.money.tariff import Tariff
from pipeline.sending.submit import submit
from pipeline.sending.submit_options import Bounds
from pipeline.sending.until_all_sent import sendall
from providers import together
from tests.conftest import named, read_jsonl
from tests.fakes import FakeTime, asking
from tests.stages import Watch
from tests.together_server import Answer, TogetherServer

WS = Workspace.of("test", "together")


@pytest.fixture
def server(monkeypatch):
    with TogetherServer() as running:
        monkeypatch.setenv("TOGETHER_API_KEY", "k-secret-0123456789")
        monkeypatch.setenv("TOGETHER_BASE_URL", running.url)
        running.lists = running.list
        yield running


@pytest.fixture
def batch(make_batch):
    return lambda *names: make_batch(*names, workspace=WS)


@pytest.fixture
def said():
    return []


@pytest.fixture
def send(said):
    def run(**how):
        wait = how.pop("wait", False)
        watch = Watch(WS, together.Together(), FakeTime(most=300).clock, said.append)
        return sendall(watch, asking(how)["asked"], wait=wait)

    return run


@pytest.fixture
def lost(server, batch, send):
    """`lost("a", "b")`: their start is executed, answered 500, and shown by no list."""

    def run(*names):
        server.list = lambda body: Answer(200, [])
        server.fault("create", "executed:500")
        batch(*names)
        with pytest.raises(DoubtError):
            send()

    return run


def outcomes(**how):
    Watch(WS, together.Together(), FakeTime(most=300).clock, print, **how).results(True)
    return {row["custom_id"]: row["outcome"] for row in read_jsonl(WS.results)}


def told(server, **changes):
    """The server's list, with each job changed so."""
    rows = json.loads(json.dumps(server.lists(b"").content)) or []
    return Answer(200, [row | changes for row in rows])


LISTS = {
    "empty": lambda server: Answer(200, []),
    "null": lambda server: Answer(200, None),
    "no list": lambda server: Answer(405, {"error": "method not allowed"}),
    "not found": lambda server: Answer(404, {"error": "no such path"}),
    "not implemented": lambda server: Answer(501, {"error": "no"}),
    "without a file": lambda server: told(server, input_file_id=None),
    "entries of null": lambda server: Answer(200, [None for _ in server.jobs]),
    "entries without an id": lambda server: told(server, id=None, input_file_id="other"),
    "words": lambda server: Answer(200, ["job" for _ in server.jobs]),
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_service_that_cannot_tell_gets_no_second_start_without_a_word(kind, server, batch, send, said):
    """It creates each job, answers 500, and has such a list from the first day."""
    server.list = lambda body: LISTS[kind](server)
    server.faults["create"] = ["executed:500"] * 9
    batch("a", "b")
    for how in ({}, {"wait": True}, {"retry": True}, {"replace": True}, {"sample": 1}):
        with pytest.raises(
            DoubtError, match=r"up to 1 job of its 2 requests may be paid.*AGAIN=0001-\w{8}"
        ) as error:
            send(**how)
        assert server.starts() == 1
    assert not any("nothing is paid" in text or "nothing was" in text for text in [*said, str(error.value)])
    with pytest.raises(DoubtError, match="up to 2 jobs"):
        send(again="0001", wait=True)
    assert server.starts() == 2


@pytest.mark.parametrize("kind", LISTS)
def test_such_a_service_is_still_of_use(kind, server, batch, send):
    server.list = lambda body: LISTS[kind](server)
    batch("a")
    send()
    batch("a", "b")
    send()
    assert outcomes() == {"a": "ok", "b": "ok"} and server.starts() == 2


def test_results_are_not_of_a_retry_whose_start_was_lost(server, batch, send):
    """Make sees that: submitted.json is there when a submit has come to its end."""
    batch("a", "b")
    server.errors = {"b": "overloaded"}
    send()
    assert outcomes() == {"a": "ok", "b": "error"} and WS.submitted.exists()
    server.list = lambda body: Answer(200, [])
    server.fault("create", "executed:500")
    with pytest.raises(DoubtError):
        send(retry=True)
    assert not WS.submitted.exists()
    with pytest.raises(IncompleteError, match="up to 1 job of its 1 request may be paid"):
        submit(WS, together.Together(), new_jobs=False)
    server.list = server.lists
    send()
    assert server.starts() == 2 and WS.submitted.exists()


def test_jobs_that_may_be_ours_are_named_and_one_can_be_taken(server, batch, send):
    server.list = lambda body: told(server, input_file_id="")
    server.fault("create", "executed:500")
    batch("a")
    with pytest.raises(DoubtError, match=r"as batch-0001 \(running .*not say whose it is; `make adopt ADOPT=1`"):
        send()
    send(adopt=True)
    assert server.starts() == 1 and outcomes() == {"a": "ok"}


def test_a_word_that_is_refused_for_its_price_is_no_word(lost, server, send, make_batch):
    lost("a")
    make_batch("a", workspace=WS, system="Be brief.")
    with pytest.raises(SpendError):
        send(again="0001", bounds=Bounds(1e-9))
    for _ in range(2):
        with pytest.raises(DoubtError, match=r"up to 1 job of its 1 request may be paid.*AGAIN=0001"):
            send()
    assert server.starts() == 1
    send(again="0001")
    assert server.starts() == 2


def test_an_entry_that_cannot_be_read_is_never_taken(server, batch, send):
    server.list = lambda body: Answer(200, [None for _ in server.jobs])
    server.fault("create", "executed:500")
    batch("a")
    with pytest.raises(DoubtError, match=r"as unreadable-\w+ \(\?\)"):
        send()
    with pytest.raises(DoubtError):
        send(adopt=True)
    assert server.starts() == 1


@pytest.mark.parametrize("refused", ["upload", "create"])
def test_a_word_is_used_up_by_a_start_and_by_nothing_else(lost, refused, server, send, make_batch):
    lost("a", "b")
    make_batch("a", "b", workspace=WS, system="Be brief.")
    server.fault(refused, "400")
    with pytest.raises(Rejected):
        send(again="0001")
    with pytest.raises(DoubtError, match=r"0002-\w{8}: 1 start \(1 of what .* up to 1 job may be paid"):
        send()
    for part in ({"sample": 1}, {"ids": frozenset("a")}):  # the other request may be paid too
        with pytest.raises(InputError, match="AGAIN is for all that a shard holds"):
            send(again="0001", **part)
    assert len(server.invoice) == 1
    send(again="0002")  # which took on what the first one holds
    assert len(server.invoice) == 2 and send()["sent_now"] == 0


def test_lost_starts_of_a_batch_that_changes_only_add_up(server, batch, send, make_batch):
    """Each word is for one start, and names the one shard that is in doubt then."""
    server.list = lambda body: Answer(200, [])
    server.faults["create"] = ["executed:500"] * 9
    batch("a", "b")
    with pytest.raises(DoubtError, match=r"up to 1 job .*AGAIN=0001-"):
        send()
    make_batch("a", "b", workspace=WS, system="Be brief.")
    with pytest.raises(DoubtError, match=r"up to 2 jobs .*AGAIN=0002-\w{8} is"):
        send(again="0001")
    with pytest.raises(InputError, match=r"in doubt: 0002-\w{8}$"):
        send(again="0001")
    with pytest.raises(DoubtError, match=r"up to 3 jobs .*AGAIN=0002-\w{8} is"):
        send(again="0002")
    make_batch("a", workspace=WS)
    with pytest.raises(DoubtError, match=r"up to 3 jobs .*AGAIN=0002-\w{8} is"):
        send()
    with pytest.raises(DoubtError, match=r"up to 4 jobs .*AGAIN=0003-\w{8} is"):
        send(again="0002")
    assert server.starts() == 4
    assert sum(receipt.own_lost for receipt in Ledger(WS).paid()) == 4


def test_a_lost_start_is_paid_as_what_was_lost(lost, send, make_batch):
    """Whatever it is that takes its place: fewer and cheaper requests."""
    lost("a", "b", "c")
    tariff = Tariff(together.Together(), 1.0, 1.0)
    before = committed(Ledger(WS).paid(), tariff)
    make_batch("a", workspace=WS, system="Be brief.")
    with pytest.raises(DoubtError):
        send()
    send(again="0001")
    assert committed(Ledger(WS).paid(), tariff) > before
    assert bill(Ledger(WS).paid(), tariff).lost == 1


@pytest.mark.parametrize("where", ["/login", "http://127.0.0.1:9/x"])
def test_a_start_that_is_sent_elsewhere_may_have_been_started(where, server, batch, send):
    """And it is not sent there: that would be a second one."""
    server.list = lambda body: Answer(200, [])
    create = server.create
    server.create = lambda body: create(body) and Answer(302, b"", {"Location": where})
    batch("a")
    for _ in range(2):
        with pytest.raises(DoubtError, match="up to 1 job of its 1 request may be paid"):
            send()
    assert server.starts() == 1


def test_a_list_that_is_late_proves_nothing(server, batch, send):
    """It shows each job at the third look only: so it may show the lost one later too."""
    server.list_lag = 3
    batch("a")
    send()
    batch("a", "b")
    server.fault("create", "executed:500")
    server.list_lag = 99
    with pytest.raises(DoubtError, match="does not show each job at once"):
        send()
    assert server.starts() == 2


def test_a_list_that_has_lost_a_job_proves_nothing(server, batch, send):
    batch("a")
    send()
    server.list = lambda body: Answer(200, [])
    batch("a", "b")
    server.fault("create", "executed:500")
    with pytest.raises(DoubtError, match="the list does not show batch-0001 either"):
        send()
    assert server.starts() == 2


def test_the_list_is_proved_for_the_account_and_no_other(server, batch, send, make_batch, monkeypatch):
    other = Workspace.of("other", "together")
    make_batch("z", workspace=other)
    submit(other, together.Together(), clock=FakeTime().clock, say=print)
    batch("a")
    server.fault("create", "500")
    send()  # of the first run's job it is known that it was shown
    assert server.starts() == 3
    monkeypatch.setenv("TOGETHER_API_KEY", "another")
    third = Workspace.of("third", "together")
    make_batch("y", workspace=third)
    server.fault("create", "500")
    with pytest.raises(DoubtError, match="has not shown yet"):
        submit(third, together.Together(), clock=FakeTime().clock, say=print)
    assert server.starts() == 4


def test_a_command_that_waits_does_not_repeat_a_start(server, batch, send):
    """Its list could not be read when the start was lost, and can be while it waits."""
    batch("a")
    send()
    batch("a", "b")
    server.fault("create", "500")
    server.faults["list"] = ["", *["500"] * 8]
    with pytest.raises(DoubtError, match="a command that waits does not pay again by itself"):
        send(wait=True)
    assert server.starts() == 2
    send()
    assert server.starts() == 3 and outcomes() == {"a": "ok", "b": "ok"}


def test_one_shard_in_doubt_holds_back_no_other_and_each_is_named(server, batch, send, said, monkeypatch):
    limits = together.Together.limits
    one = lambda self, model: type(limits(self, model))(max_requests=1, poll=(0.0, 0.0))  # noqa: E731
    monkeypatch.setattr(together.Together, "limits", one)
    server.list = lambda body: Answer(200, [])
    server.faults["create"] = ["executed:500", "executed:500"]
    batch("a", "b", "c")
    with pytest.raises(
        DoubtError, match=r"up to 2 jobs of 2 shards may be paid.*AGAIN='0001-\w+ 0002-\w+'"
    ) as error:
        send()
    assert server.starts() == 3 and [text[:4] for text in said if "had no answer, and" in text] == ["0001", "0002"]
    server.list = server.lists
    send(again=named(str(error.value)))
    assert outcomes() == dict.fromkeys("abc", "ok") and server.starts() == 3  # they are listed by now


@pytest.mark.parametrize("said_again", ["0009", "0001-beef", "0002", "a b", "$x"])
def test_again_is_for_shards_in_doubt(lost, said_again, server, send):
    lost("a")
    with pytest.raises(InputError, match=r"no start of such a shard is in doubt; in doubt: 0001-\w+"):
        send(again=said_again)
    assert server.starts() == 1


@pytest.mark.parametrize("status", ["400", "404", "405", "410", "415", "451"])
def test_a_certain_refusal_is_no_lost_start(status, server, batch, send):
    batch("a")
    server.fault("create", status)
    with pytest.raises(Exception, match=f"start: .*{status}"):
        send()
    assert [receipt.lost for receipt in Ledger(WS)] == [0]
    send()
    assert outcomes() == {"a": "ok"}


def test_a_service_that_is_busy_and_starts_the_job_all_the_same_is_asked_whether_it_did(server, batch, send):
    batch("a")
    server.fault("create", "executed:429", times=3)
    send()
    assert server.starts() == 1 and outcomes() == {"a": "ok"}


def test_a_refused_connection_is_no_lost_start(server, batch, send, monkeypatch):
    start = together.Together.start

    def at_a_closed_door(self, shard, handle):
        self._client.base_url = "http://127.0.0.1:9"
        return start(self, shard, handle)

    batch("a")
    monkeypatch.setattr(together.Together, "start", at_a_closed_door)
    with pytest.raises(Busy, match="ConnectError"):
        send()
    assert [(receipt.lost, receipt.state) for receipt in Ledger(WS)] == [(0, "uploaded")]
    assert server.starts() == 0


def test_a_receipt_that_cannot_be_written_leaves_the_jobs_id(server, batch, send, said, monkeypatch):
    publish = atomic_files.publish

    def full(part, path):
        if b'"state":"running"' in part.read_bytes().replace(b" ", b""):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        publish(part, path)

    batch("a")
    with monkeypatch.context() as patch:
        patch.setattr(atomic_files, "publish", full)
        with pytest.raises(OSError, match="No space"):
            send()
    assert any("job batch-0001 runs and is paid, but its receipt cannot be written" in text for text in said)
    send()
    assert server.starts() == 1 and outcomes() == {"a": "ok"}


# ---- the account ----------------------------------------------------------------------------------------------


@pytest.fixture
def stranger(monkeypatch):
    with TogetherServer() as running:
        yield running


def every_goal(send, **how):
    """Submit, results, cancel: each may ask for jobs."""
    ledger = Ledger(WS)
    watch = Watch(WS, together.Together(), FakeTime(most=300).clock, print, **how)
    yield lambda: send(**how)
    yield lambda: watch.results(False)
    yield lambda: watch.results(True)
    starter = Starter(ledger, watch.provider, watch.clock, print)
    yield lambda: watch.look(ledger) or cancel(ledger, watch.provider, starter, print)


@pytest.mark.parametrize("name", ["TOGETHER_API_KEY", "TOGETHER_BASE_URL"])
def test_another_account_is_asked_for_nothing(name, server, stranger, batch, send, monkeypatch):
    batch("a")
    send()
    before = len(server.requests)
    monkeypatch.setenv(name, stranger.url if name.endswith("URL") else "another-key")
    for goal in every_goal(send):
        with pytest.raises(
            InputError, match=r"started at http://127\S+ by account \w{12} .* nothing was asked there"
        ):
            goal()
    assert stranger.requests == [] and len(server.requests) == before


def test_a_renewed_key_is_the_account_once_a_person_says_so(server, batch, send, monkeypatch):
    batch("a")
    send()
    monkeypatch.setenv("TOGETHER_API_KEY", "renewed")
    with pytest.raises(InputError, match=r"ACCOUNT=(\w{12}) says") as error:
        outcomes()
    account = re.search(r"ACCOUNT=(\w+)", str(error.value))[1]
    with pytest.raises(InputError, match="ACCOUNT=0123 is not the one of now"):
        outcomes(account="0123")
    assert outcomes(account=account) == {"a": "ok"}
    assert outcomes() == {"a": "ok"}
    with pytest.raises(InputError, match="ACCOUNT=0123 is not the account of now"):
        send(account="0123")


def test_an_account_that_is_another_is_said_before_the_first_start_too(server, batch, send):
    batch("a")
    with pytest.raises(InputError, match="ACCOUNT=0123 is not the account of now"):
        send(account="0123")
    assert server.requests == []


def test_a_renewed_key_is_asked_about_once(server, batch, send, monkeypatch):
    batch("a")
    send()
    assert outcomes() == {"a": "ok"}
    monkeypatch.setenv("TOGETHER_API_KEY", "renewed")
    with pytest.raises(InputError, match=r"ACCOUNT=(\w{12}) says") as error:
        send()
    send(account=re.search(r"ACCOUNT=(\w+)", str(error.value))[1])
    send()


def test_a_run_that_is_done_asks_for_its_account_only_to_pay(server, batch, send, monkeypatch):
    batch("a")
    send()
    assert outcomes() == {"a": "ok"}
    monkeypatch.delenv("TOGETHER_API_KEY")
    assert outcomes() == {"a": "ok"}
    monkeypatch.setenv("TOGETHER_API_KEY", "another-key")
    batch("a", "b")
    with pytest.raises(InputError, match="nothing was asked there"):
        send()
    assert server.starts() == 1


def test_the_account_is_written_before_the_start(server, batch, send):
    batch("a")
    server.fault("create", "executed:500")
    server.faults["list"] = ["", "", *["500"] * 60]
    with pytest.raises(Exception, match="not certain"):
        send()
    (receipt,) = Ledger(WS)
    assert receipt.state == "starting" and receipt.account["url"] == server.url
    whole = b"".join(
        path.read_bytes() for path in (*WS.root.rglob("*.json"), *(WS.root.parents[1] / "..").glob("a*"))
    )
    assert b"k-secret" not in whole


def test_what_was_paid_by_another_body_is_still_asked_about(lost, server, send, make_batch):
    """AGAIN is for lost starts alone: REPLACE says the rest."""
    lost("a")
    make_batch("a", workspace=WS, system="Be short.")
    with pytest.raises((DoubtError, SpendError)):
        send(replace=True)
    assert server.starts() == 1
    send(again="0001")
    assert server.starts() == 2 and outcomes() == {"a": "ok"}
    assert orjson.loads(next(WS.jobs.glob("0001*")).read_bytes())["state"] == "cancelled"


def test_junk_that_was_in_the_list_before_hides_no_job(server, batch, send):
    """Equal entries that cannot be read have names of their own: one more of them may be ours."""
    server.list = lambda body: Answer(200, [None, *(server.lists(b"").content or ())])
    batch("a")
    send()
    batch("a", "b")
    shown = server.lists(b"").content
    server.list = lambda body: Answer(200, [None, *([None] if len(server.jobs) > 1 else []), *shown])
    server.fault("create", "executed:500")
    with pytest.raises(DoubtError, match=r"as unreadable-\w+-2 \(\?\)"):
        send()
    assert server.starts() == 2


@pytest.mark.parametrize("status", ["500", "403"])
def test_the_proof_is_of_the_last_good_start(status, server, batch, send):
    batch("a")
    send()
    batch("a", "b")
    server.faults["list"] = ["", "", *[status] * 5]  # it cannot be read after that start
    with suppress(PipelineError):
        send()
    server.faults["list"].clear()
    batch("a", "b", "c")
    shown = server.lists(b"").content[-1:]
    server.list = lambda body: Answer(200, shown)
    server.fault("create", "executed:500")
    with pytest.raises(DoubtError, match="could not be read after the last good start"):
        send()
    assert server.starts() == 3


@pytest.mark.parametrize("most", range(1, 9))
def test_what_may_be_ours_just_before_the_repeat_stops_it(most, server, batch, send):
    """It is listed, without its file, from one look on: a start after that look would pay beside it."""
    batch("a")
    send()
    batch("a", "b")
    looks, shown, create = [], server.lists(b"").content, server.create

    def listed(body):
        looks.append(1)
        whole = server.lists(b"").content
        return Answer(200, [row | {"input_file_id": None} for row in whole] if len(looks) > most else shown)

    def created(body):
        assert len(server.jobs) < 2 or len(looks) <= most
        return create(body)

    server.list, server.create = listed, created
    server.fault("create", "executed:500")
    with suppress(DoubtError):
        send()
    assert server.starts() == 2 or len(looks) <= most + 1


def test_an_upload_of_another_account_is_brought_anew(server, stranger, batch, send, monkeypatch):
    batch("a")
    server.faults["create"] = ["429:0"] * 5
    with pytest.raises(Busy):
        send()
    monkeypatch.setenv("TOGETHER_BASE_URL", stranger.url)
    send()
    assert stranger.invoice == [["a"]] and server.invoice == []

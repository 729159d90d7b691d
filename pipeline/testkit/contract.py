"""The contract of a provider as tests: a plugin's test class inherits ProviderContract.

    class TestAcme(ProviderContract):
        @pytest.fixture
        def service(self, monkeypatch):
            with AcmeServer() as server:
                monkeypatch.setenv("ACME_BASE_URL", server.url)
                yield server

A `service` is a fake of the real one. It makes the plugin (`provider()`), counts (`starts()` requests to start a
job, `invoice` with the custom_ids of each job, as on the wire), goes wrong on demand (`fault(verb, kind)`) and ends
what runs (`advance()`). Its attributes say how jobs end: `ending`, `answered`, `errors`, `text`, `polls_needed`,
`late_files`, `word`, `no_counts`; `running`, its words for a job that still runs; and `tells_strangers`, whether a
job of an equal upload can be seen. `secret` is the key. WireServer has all of it but the wire.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
import pytest

from pipeline.base.workspace import Workspace
from pipeline.batch.build_requests import batch
from pipeline.batch.prompt import Prompt
from pipeline.errors import Ambiguous, Busy, PipelineError, Rejected, SpendError, UnfinishedError
from pipeline.jobs.keep_as_sent import Kept
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.wait import Watch
from pipeline.provider import Provider
from pipeline.results.collect import collect
from pipeline.sending.submit import submit
from pipeline.testkit.crash import FakeTime, Killed, Mortal, Steps, asking, dying_disk
from pipeline.transcripts.ingest import ingest

IDS = ("a", "b-2", "C_3")
EVERY = ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789_-", "x" * 64)
LOST = ("executed:500", "executed:502", "executed:408", "executed:drop", "executed:html", "executed:empty",
        "executed:truncate")  # fmt: skip
NEVER = ("drop", "500", "503")
REFUSED = ("400", "401", "402", "403", "404", "413", "422")
ENDINGS = {"completed": "missing", "failed": "error", "expired": "expired", "cancelled": "cancelled"}
MOST_STEPS = 99  # at which a submit of one shard, or a collection, can die


class ProviderContract:
    """Inherit, and give the fixture `service`."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

    @pytest.fixture
    def run(self, service):
        return Run(service)

    # -- pure -----------------------------------------------------------------------------------------

    @pytest.mark.parametrize("name", EVERY)
    def test_a_line_is_one_line_and_names_its_request(self, name, run):
        line = run.encoded(name)
        assert b"\n" not in line
        assert line == run.encoded(name)
        assert isinstance(orjson.loads(line), dict)
        assert run.provider.custom_id(line) != run.provider.custom_id(run.encoded(name[:-1] + "9"))

    def test_what_is_asked_is_all_of_a_line_but_its_id(self, run):
        content, (one, other) = run.provider.content, EVERY[:2]
        assert content(run.encoded(one, "words")) == content(run.encoded(other, "words"))
        assert content(run.encoded(one, "words")) != content(run.encoded(one, "other words"))

    @pytest.mark.parametrize("line", [b"", b"\xff", b"{", b"null", b"[]", b"7", b"{}", b'{"error":7}', b'"' * 99])
    def test_any_bytes_are_a_result(self, line, run):
        result = run.provider.decode(line)
        assert not result.ok
        assert result.error["message"]

    # -- the whole way ----------------------------------------------------------------------------------

    def test_each_request_is_answered_once(self, run, service):
        run.make(*EVERY, *IDS)
        run.send()
        run.send()
        assert run.collect() == dict.fromkeys((*EVERY, *IDS), "ok")
        assert run.texts() == {name: service.text.format(run.wire(name)) for name in (*EVERY, *IDS)}
        assert service.starts() == len(service.invoice) == 1

    def test_ids_of_parts_are_told_apart(self, run):
        names = ("a", "a.p01", "a-p01", "a.b.p01", "a-b.p01", "Z.p01", "a" * 56 + ".r2p0001")
        assert len({run.provider.custom_id(run.encoded(name)) for name in names}) == len(names)

    def test_a_long_transcript_has_one_answer(self, run, service):
        least, words = run.provider.limits("m").min_requests, "words of {0} and of the oats. " * 200
        ids = [f"long-{number}" for number in range(least)]
        run.make(*ids, words=words, window=900, long="split")
        for _ in range(2):
            run.send()
            outcomes = run.collect()
        assert outcomes == dict.fromkeys(ids, "ok")
        assert all(len(row["parts"]) > 1 for row in run.rows().values())
        assert len(service.invoice) == service.starts() == 2

    def test_line_separators_in_a_text_part_nothing(self, run, service):
        service.text = "one\u2028two\u2029three\x85 {}"
        run.make("a", "b", words="one\u2028two\u2029three\x85")
        run.send()
        assert run.collect() == {"a": "ok", "b": "ok"}
        assert run.texts()["a"].startswith("one\u2028two\u2029three\x85")

    def test_rows_that_failed_say_why(self, run, service):
        run.make(*IDS)
        service.errors = {run.wire("a"): "it was too long"}
        run.send()
        assert run.collect() == {"a": "error", "b-2": "ok", "C_3": "ok"}
        assert "it was too long" in run.rows()["a"]["error"]["message"]

    def test_no_key_is_written_down(self, run, service, capsys):
        run.make(*IDS)
        service.fault("start", "executed:500")
        run.settle()
        run.collect()
        written = b"".join(path.read_bytes() for path in run.ws.root.rglob("*") if path.is_file())
        assert service.secret.encode() not in written
        assert service.secret not in "".join([*run.said, *capsys.readouterr()])

    def test_a_changed_prompt_is_not_paid_for_in_silence(self, run, service):
        run.make(EVERY[-1])  # as long as an id may be: a plugin that shortens it still knows it
        run.send()
        run.make(EVERY[-1], words="other words of {}")
        with pytest.raises(SpendError, match="already submitted with another body"):
            run.send()
        assert len(service.invoice) == 1

    # -- at once --------------------------------------------------------------------------------------

    def test_one_request_is_answered_at_once(self, run, service):
        if service.at_once is None:
            return
        if not service.at_once:
            with pytest.raises(Rejected, match=f"{run.provider.name} answers in batches only"):
                run.provider.ask(run.encoded("a"), "m")
            return
        result = run.provider.decode(run.provider.ask(run.encoded("a"), "m"))
        assert (result.ok, result.text, result.custom_id) == (True, service.text.format("it"), run.provider_id("a"))
        assert service.asks() == 1 and service.starts() == 0

    @pytest.mark.parametrize("kind", ["401", "400", "429:7", "500", "drop", "executed:500", "executed:drop"])
    def test_what_is_asked_at_once_is_asked_once(self, kind, run, service):
        if not service.at_once:
            return
        service.fault("ask", kind)
        expected = {"401": Rejected, "400": Rejected, "429:7": Busy}.get(kind, Ambiguous)
        with pytest.raises(expected) as error:
            run.provider.ask(run.encoded("a"), "m")
        assert service.asks() == 1 and service.secret not in str(error.value)

    # -- money ------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("kind", [*LOST, *NEVER])
    def test_a_start_without_an_answer_is_paid_once(self, kind, run, service):
        run.make(*IDS)
        service.fault("start", kind)
        run.settle()
        assert service.starts() == (1 if kind in LOST else 2)
        assert run.collect() == dict.fromkeys(IDS, "ok")
        assert len(service.invoice) == 1

    @pytest.mark.parametrize("kind", REFUSED)
    def test_a_refusal_is_told_and_sent_again_only_by_hand(self, kind, run, service):
        run.make(*IDS)
        service.fault("start", kind)
        with pytest.raises(Rejected):
            run.send()
        assert (service.starts(), service.invoice) == (1, [])
        run.send()
        assert run.collect() == dict.fromkeys(IDS, "ok")
        assert len(service.invoice) == 1

    @pytest.mark.parametrize("after", ["7", "Fri, 31 Dec 2027 23:59:59 GMT"])
    def test_a_busy_service_is_asked_again(self, after, run, service):
        run.make(*IDS)
        service.fault("start", f"429:{after}")
        run.send()
        assert (7.0 in run.time.slept) == (after == "7")
        assert len(service.invoice) == 1

    @pytest.mark.parametrize("verb", ["stage", "find"])
    def test_what_costs_nothing_is_repeated(self, verb, run, service):
        run.make(*IDS)
        service.fault(verb, "500", "drop", "executed:html")
        run.send()
        assert run.collect() == dict.fromkeys(IDS, "ok")
        assert service.starts() == 1

    def test_killed_at_any_step_of_a_submit(self, service, monkeypatch):
        def submit(run: Run, at: int) -> bool:
            died = run.dying(at, monkeypatch, run.send)
            run.settle()
            return died

        self._swept(service, submit)

    def test_killed_at_any_step_of_a_collection(self, service, monkeypatch):
        def collection(run: Run, at: int) -> bool:
            run.send()
            return run.dying(at, monkeypatch, run.collect)

        self._swept(service, collection)

    def _swept(self, service: Any, die: Callable[[Run, int], bool]) -> None:
        """A run that dies at each step, one after the other, and is finished: one job, every answer."""
        for at in range(1, MOST_STEPS):
            run = Run(service, f"killed-{at}")
            run.make(*IDS, words=f"{at} words of {{}}")
            died = die(run, at)
            assert run.collect() == dict.fromkeys(IDS, "ok"), at
            assert len(service.invoice) == at, at
            if not died:
                return
        raise AssertionError("the sweep did not come to its end")

    def test_a_job_of_somebody_else_is_not_paid_beside(self, run, service):
        """Where the service can tell, an unknown job of these very requests stops the submit.

        It can unless `service.tells_strangers` is False: a file's id tells a lost start, not another's upload.
        """
        run.make(*IDS)
        run.send()
        other = Run(service, "other")
        other.make(*IDS)
        if service.tells_strangers:
            with pytest.raises(PipelineError, match="ADOPT=1"):
                other.send()
            other.send(adopt=True)
            assert len(service.invoice) == 1
        else:
            other.send()
            assert len(service.invoice) == 2
        assert other.collect() == dict.fromkeys(IDS, "ok")

    def test_jobs_are_found_behind_newer_ones(self, run, service):
        """All of them, on whichever page of the list; a service may take an equal start for the same job."""
        run.make(*IDS)
        run.send()
        receipt = next(iter(Ledger(run.ws)))
        shard = Ledger(run.ws).shard(receipt)
        ids = {run.provider.start(shard, receipt.handle)["id"] for _ in range(4)} | {receipt.ref["id"]}
        assert ids == {job.ref["id"] for job in run.provider.find(shard, receipt.handle)}

    # -- endings ----------------------------------------------------------------------------------------

    @pytest.mark.parametrize("answered", [None, 1, 0])
    @pytest.mark.parametrize("ending", ENDINGS)
    def test_each_request_has_one_outcome_however_the_job_ends(self, ending, answered, run, service):
        service.ending, service.answered = ending, answered
        run.make(*IDS)
        run.send()
        outcomes = Counter(run.collect().values())
        done = len(IDS) if answered is None else answered
        assert outcomes == +Counter({"ok": done, ENDINGS[ending]: len(IDS) - done})

    def test_a_cancelled_job_ends(self, run, service):
        service.polls_needed = 1000
        run.make(*IDS)
        run.send()
        receipt = next(iter(Ledger(run.ws)))
        run.provider.cancel(receipt.ref)
        assert set(run.collect()) == set(IDS)
        assert len(service.invoice) == 1

    def test_an_unknown_word_means_still_running(self, run, service):
        run.make(*IDS)
        run.send()
        service.word = "pondering"
        status = run.provider.poll(next(iter(Ledger(run.ws))).ref)
        assert (status.state, status.raw) == ("running", "pondering")
        assert "pondering" in status.warning
        service.word = None
        assert run.collect() == dict.fromkeys(IDS, "ok")

    def test_a_job_that_still_runs_is_not_collected(self, run, service):
        run.make(*IDS)
        run.send()
        for word in service.running:
            service.word = word
            status = run.provider.poll(next(iter(Ledger(run.ws))).ref)
            assert (status.state, status.raw, status.warning) == ("running", word, None)

    def test_counts_may_be_absent(self, run, service):
        service.no_counts = True
        run.make(*IDS)
        run.send()
        assert run.collect() == dict.fromkeys(IDS, "ok")

    def test_files_that_come_late_are_waited_for(self, run, service):
        service.late_files = 3
        run.make(*IDS)
        run.send()
        assert run.collect() == dict.fromkeys(IDS, "ok")

    @pytest.mark.parametrize("kind", ["500", "drop", "cut", "short", "fewer", "executed:html", "executed:empty"])
    def test_a_bad_download_is_repeated(self, kind, run, service):
        run.make(*IDS)
        run.send()
        service.fault("fetch", kind)
        assert run.collect() == dict.fromkeys(IDS, "ok")

    @pytest.mark.parametrize("kind", ["500", "429:3", "drop", "executed:html", "executed:empty"])
    def test_a_bad_status_is_asked_for_again(self, kind, run, service):
        run.make(*IDS)
        run.send()
        service.fault("poll", kind)
        assert run.collect() == dict.fromkeys(IDS, "ok")


class Run:
    """One run with the provider: `make batch`, `make submit` and `make results` in this process."""

    def __init__(self, service: Any, name: str = "test") -> None:
        self.service, self.time = service, FakeTime(most=900)
        self.said: list[str] = []
        self.provider: Provider = service.provider()
        self.ws = Workspace.of(name, self.provider.name)

    def make(self, *ids: str, words: str = "words of {}", **prompt: Any) -> None:
        """Requests for these ids."""
        most = self.provider.limits("m").max_requests
        assert most is None or most >= len(ids), (
            f"these tests count with one shard of {len(ids)}: limits() must allow it"
        )
        path = self.ws.root / "talks.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        talks = [{"id": name, "text": words.format(name)} for name in ids]
        path.write_bytes(b"".join(orjson.dumps(talk) + b"\n" for talk in talks))
        ingest(self.ws, [path], say=self.said.append)
        before = Kept(Ledger(self.ws))
        batch(self.ws, self.service.provider(), [self._prompt(**prompt)], before, say=self.said.append)

    def send(self, provider: Any = None, **how: bool) -> None:
        submit(
            self.ws, provider or self.service.provider(), clock=self.time.clock, say=self.said.append, **asking(how)
        )

    def settle(self) -> None:
        """Submit until it is done. A service that cannot tell whose a job is tells when it has ended."""
        for _ in range(3):
            try:
                return self.send()
            except UnfinishedError as error:
                assert not self.provider.tag, error
                self.service.advance()
        return self.send()

    def collect(self, provider: Any = None) -> dict[str, str]:
        """The outcome of each id."""
        collect(Watch(self.ws, provider or self.service.provider(), self.time.clock, self.said.append), wait=True)
        return {name: row["outcome"] for name, row in self.rows().items()}

    def dying(self, at: int, monkeypatch: Any, what: Any) -> bool:
        """Do it with a process that dies at that step; returns whether it came so far."""
        steps = Steps(at)
        with monkeypatch.context() as patch:
            dying_disk(patch, steps)
            with suppress(Killed):
                what(Mortal(self.service.provider(), steps))
        return steps.count >= at

    def rows(self) -> dict[str, dict]:
        rows = [orjson.loads(line) for line in self.ws.results.read_bytes().split(b"\n") if line]
        assert len({row["custom_id"] for row in rows}) == len(rows)
        return {row["custom_id"]: row for row in rows}

    def texts(self) -> dict[str, str]:
        return {name: row["text"] for name, row in self.rows().items()}

    def encoded(self, name: str, words: str = "") -> bytes:
        body = self._prompt().body({"text": words or f"words of {name}"})
        return self.provider.encode({"custom_id": name, "body": body})

    def provider_id(self, name: str) -> str:
        """The custom_id as the provider knows it."""
        return self.provider.custom_id(self.encoded(name))

    def wire(self, name: str) -> str:
        """The custom_id under which a request of `make` stands on the wire."""
        requests = [orjson.loads(line) for line in self.ws.batch.read_bytes().split(b"\n") if line]
        request = next(request for request in requests if request["custom_id"] == name)
        return self.service.wire(self.provider.encode(request))

    def _prompt(self, **how: Any) -> Prompt:
        return Prompt(self.provider.default_model or "m", "Be brief.", **{"max_tokens": 90, **how})

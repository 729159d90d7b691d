"""The contract of a job that was started: its status is read, its end is waited for, and its files come whole."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.jobs.ledger import Ledger
from pipeline.testkit.run import IDS

ENDINGS = {"completed": "missing", "failed": "error", "expired": "expired", "cancelled": "cancelled"}


class EndingChecks:
    """However a job ends, and whatever goes wrong on the way, each request has one outcome."""

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

"""The contract of a start, the one call that pays: whatever is lost or refused, a job is paid once."""

from __future__ import annotations

import pytest

from pipeline.errors import DoubtError, PipelineError, Rejected, SpendError
from pipeline.jobs.ledger import Ledger
from pipeline.testkit.run import IDS, Run

LOST = ("executed:500", "executed:502", "executed:408", "executed:drop", "executed:html", "executed:empty",
        "executed:truncate")  # fmt: skip
NEVER = ("drop", "500", "503")
REFUSED = ("400", "401", "402", "403", "404", "413", "422")


class StartChecks:
    """Paid once; and a job that is there already, whoever started it, is found."""

    @pytest.mark.parametrize("kind", [*LOST, *NEVER])
    def test_a_start_without_an_answer_is_paid_once(self, kind, run, service):
        run.make(*IDS)
        service.fault("start", kind)
        run.settle()
        assert service.starts() == (1 if kind in LOST else 2)
        assert run.collect() == dict.fromkeys(IDS, "ok")
        assert len(service.invoice) == 1

    @pytest.mark.parametrize("kind", NEVER)
    def test_a_lost_start_is_repeated_once_by_a_list_that_shows_jobs_and_else_by_a_person(self, kind, run, service):
        """The list shows jobs once it has shown one that was started well, for the same account."""
        run.make(*IDS)
        service.fault("start", *[kind] * (2 if run.provider.lists_all else 1))
        sent = 2 if run.provider.lists_all else 1
        for _ in range(2):
            with pytest.raises(DoubtError, match=rf"up to {sent} jobs? .* may be paid.*AGAIN=0001-"):
                run.send()
            assert service.starts() == sent
        run.send(again="0001")
        assert (service.starts(), len(service.invoice)) == (sent + 1, 1)
        run.make(*IDS, "another")
        service.fault("start", kind)
        run.send()
        assert (service.starts(), len(service.invoice)) == (sent + 3, 2)

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
        else:  # what the job was started with may tell it all the same
            try:
                other.send()
            except SpendError:
                other.send(replace=True)
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

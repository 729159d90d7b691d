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

import pytest

from pipeline.testkit.check_answers import AnswerChecks
from pipeline.testkit.check_at_once import AtOnceChecks
from pipeline.testkit.check_endings import ENDINGS, EndingChecks
from pipeline.testkit.check_kills import MOST_STEPS, KillChecks
from pipeline.testkit.check_lines import LineChecks
from pipeline.testkit.check_starts import LOST, NEVER, REFUSED, StartChecks
from pipeline.testkit.run import EVERY, IDS, Run

__all__ = ["ENDINGS", "EVERY", "IDS", "LOST", "MOST_STEPS", "NEVER", "REFUSED", "ProviderContract", "Run"]


# pytest begins with the last of these: what is cheapest fails first.
class ProviderContract(EndingChecks, KillChecks, StartChecks, AtOnceChecks, AnswerChecks, LineChecks):
    """Inherit, and give the fixture `service`."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

    @pytest.fixture
    def run(self, service):
        return Run(service)

"""The contract over the plugins that have tests of their own: Together through its real SDK."""

from __future__ import annotations

import pytest

from pipeline.testkit.contract import ProviderContract
from providers.together import Together
from tests.together_server import TogetherServer

ROUTES = {"stage": "upload", "start": "create", "find": "list", "poll": "retrieve", "fetch": "content"}


class TogetherService(TogetherServer):
    """The fake under the words of the contract."""

    secret, tells_strangers, text, no_counts = "k-secret-0123456789", True, "answer to {}", False

    def __init__(self) -> None:
        super().__init__()
        self.rows = lambda rows: [self._said(row) for row in rows]
        self.job_hook = lambda job: {**job, "progress": None} if self.no_counts else job

    def provider(self) -> Together:
        return Together()

    def fault(self, route, *kinds, **how):
        super().fault(ROUTES.get(route, route), *kinds, **how)

    def create(self, body):
        self.ending = self.ending.upper()
        if self.ending == "FAILED" and self.answered is None:
            self.answered = 1_000_000  # its own default for a job that failed is none
        return super().create(body)

    @property
    def word(self):
        return None

    @word.setter
    def word(self, word):
        self.words = [word] if word else []

    def _said(self, row):
        row["response"]["body"]["choices"][0]["message"]["content"] = self.text.format(row["custom_id"])
        return row


class TestTogether(ProviderContract):
    @pytest.fixture
    def service(self, monkeypatch):
        with TogetherService() as server:
            monkeypatch.setenv("TOGETHER_API_KEY", server.secret)
            monkeypatch.setenv("TOGETHER_BASE_URL", server.url)
            yield server

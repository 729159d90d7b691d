"""OpenAI's wire: each dialect through the contract, and what a row of the table may be."""

from __future__ import annotations

import pytest

from pipeline.testkit.contract import ProviderContract
from providers.openai_compatible import OpenAICompatible, services
from tests.openai_server import DIALECTS, OpenAIServer


class Service(OpenAIServer):
    """The fake with a plugin of the same name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def provider(self) -> OpenAICompatible:
        return OpenAICompatible(services.find(self.name))


class TestContract(ProviderContract):
    @pytest.fixture(params=DIALECTS)
    def service(self, request, monkeypatch):
        name = request.param
        with Service(name) as server:
            monkeypatch.setenv(f"{name.upper()}_BASE_URL", server.base_url)
            monkeypatch.setenv("KEY_ENV", "MY_KEY")
            monkeypatch.setenv(services.find(name).key or "MY_KEY", server.secret)
            yield server

"""The contract of `ask`: one request that is answered at once, and is never asked again by itself."""

from __future__ import annotations

import pytest

from pipeline.errors import Ambiguous, Busy, Rejected


class AtOnceChecks:
    """A service that answers in batches only says so."""

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

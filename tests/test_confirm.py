"""Before it pays, submit says what; over a bound it wants a person's word."""

from __future__ import annotations

import pytest

from pipeline.errors import SpendError
from pipeline.jobs.ledger import Ledger
from pipeline.money.tariff import Tariff
from pipeline.sending.submit import submit
from pipeline.sending.submit_options import Asked, Bounds
from tests.fakes import Fake, FakeTime, Service
from tests.stages import Watch


@pytest.fixture
def send(ws):
    """`send(asked, price, ask)` is `make submit`; what it said, and the service."""
    service, said = Service(), []

    def run(asked, price=1e6, ask=None):
        provider = Fake(service)
        tariff = Tariff(provider, price, price)
        submit(ws, provider, asked, tariff=tariff, clock=FakeTime().clock, say=said.append, ask=ask)

    run.said, run.service = said, service
    return run


def test_over_the_bound_it_wants_a_word_and_names_both(send, make_batch, ws):
    make_batch("a", "b")
    with pytest.raises(SpendError, match=r"over \$5.00 \(CONFIRM\); say BUDGET=\d+, or YES=1"):
        send(Asked(confirm=5.0))
    assert not send.service.jobs and list(ws.shards.iterdir()) == []
    assert "2 requests to m at fake" in send.said[0] and "at most" in send.said[0]


@pytest.mark.parametrize("asked", [Asked(confirm=5.0, yes=True), Asked(confirm=5.0, bounds=Bounds(budget=1e9))])
def test_yes_or_a_budget_is_a_word(asked, send, make_batch):
    make_batch("a")
    send(asked)
    assert len(send.service.jobs) == 1


@pytest.mark.parametrize("agrees", [True, False])
def test_on_a_terminal_a_person_is_asked_once(agrees, send, make_batch):
    make_batch("a")
    questions = []
    ask = lambda question: questions.append(question) or agrees  # noqa: E731
    if agrees:
        send(Asked(confirm=5.0), ask=ask)
    else:
        with pytest.raises(SpendError, match="nothing is sent"):
            send(Asked(confirm=5.0), ask=ask)
    assert len(questions) == 1 and len(send.service.jobs) == agrees


@pytest.mark.parametrize("end", [KeyboardInterrupt, EOFError, SystemExit])
def test_what_nobody_agreed_to_is_not_sent_by_the_next_command(end, send, make_batch, ws):
    """Ctrl-C, Ctrl-D, a kill while the question stands there: what REPLACE had cut is no plan."""
    make_batch("a")
    send(Asked())
    Watch(ws, Fake(send.service), FakeTime().clock, print).results(True)

    def gone(question):
        assert not any(receipt.unstarted for receipt in Ledger(ws))  # so it is if the process is killed here
        raise end

    with pytest.raises(end):
        send(Asked(confirm=0.0, replace=True, ids=frozenset("a")), ask=gone)
    assert not any(receipt.unstarted for receipt in Ledger(ws))
    send(Asked())
    assert len(send.service.jobs) == 1


def test_an_unknown_price_is_asked_about_on_a_terminal_and_said_elsewhere(send, make_batch):
    make_batch("a")
    with pytest.raises(SpendError):
        send(Asked(confirm=5.0), price=None, ask=lambda question: False)
    send(Asked(confirm=5.0), price=None)
    assert "1 request to m at fake: the price is not known" in send.said[-2]
    assert len(send.service.jobs) == 1


def test_what_is_free_or_small_is_not_asked_about(send, make_batch):
    make_batch("a")
    send(Asked(confirm=5.0), price=0.0, ask=lambda question: pytest.fail("asked"))
    assert len(send.said) == 1 and "job" in send.said[0]


def test_what_is_small_is_said(send, make_batch):
    make_batch("a")
    send(Asked(confirm=5.0), price=0.5, ask=lambda question: pytest.fail("asked"))
    assert "1 request to m at fake: $0.00" in send.said[0]

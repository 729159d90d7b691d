"""A shard knows the model that its requests ask, and holds no other's."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from pipeline.errors import InputError, Rejected
from pipeline.jobs.ledger import Ledger
from pipeline.sending.submit import submit
from tests.conftest import read_jsonl, write_jsonl
from tests.fakes import Fake, FakeTime, Service, asking


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def send(ws, service):
    return lambda **how: submit(ws, Fake(service), clock=FakeTime().clock, say=lambda text: None, **asking(how))


def ask(ws, models):
    """Let each request of the batch ask the model that is named for it."""
    rows = read_jsonl(ws.batch)
    for row in rows:
        row["body"]["model"] = models[row["custom_id"]]
    write_jsonl(ws.batch, rows)


def models(ws, receipt):
    return {orjson.loads(line)["body"]["model"] for line in Ledger(ws).lines(receipt)}


def test_the_model_is_in_the_receipt_and_in_the_shard(ws, make_batch, send):
    make_batch("a", "b", "c")
    send()
    ledger = Ledger(ws)
    assert [receipt.model for receipt in ledger] == ["m", "m"]
    assert [ledger.shard(receipt).model for receipt in ledger] == ["m", "m"]


def test_no_shard_holds_requests_of_two_models(ws, make_batch, service, send):
    make_batch("a", "b", "c", "d", "e")
    ask(ws, {"a": "m", "b": "n", "c": "m", "d": "n", "e": "m"})
    send()
    assert [(receipt.model, models(ws, receipt)) for receipt in Ledger(ws)] == [
        ("m", {"m"}),
        ("m", {"m"}),
        ("n", {"n"}),
    ]
    assert service.paid() == ["a", "b", "c", "d", "e"]


def test_too_few_requests_of_one_model_are_refused_before_any_is_sent(ws, make_batch, service, send):
    make_batch("a", "b", "c")
    ask(ws, {"a": "m", "b": "m", "c": "n"})
    service.limits = replace(service.limits, min_requests=2)
    with pytest.raises(InputError, match="no batch of less than 2 requests, and 1 are pending; none was sent"):
        send()
    assert service.files == {} and list(Ledger(ws)) == []


@pytest.mark.parametrize("lost", ["receipt", "model"])
def test_a_shard_that_was_planned_without_its_model_gets_it_again(lost, ws, make_batch, service, send):
    make_batch("a")
    service.fault("stage", Rejected("no"))
    with pytest.raises(Rejected):
        send()
    path = next(ws.jobs.glob("*.json"))
    record = orjson.loads(path.read_bytes())
    del record["model"]
    path.write_bytes(orjson.dumps(record))
    if lost == "receipt":
        path.unlink()
    send()
    assert [receipt.model for receipt in Ledger(ws)] == ["m"]
    assert service.paid() == ["a"]


def test_a_receipt_of_an_older_version_can_be_read(ws, make_batch, send):
    make_batch("a")
    send()
    path = next(ws.jobs.glob("*.json"))
    record = orjson.loads(path.read_bytes())
    del record["model"]
    path.write_bytes(orjson.dumps(record))
    assert [receipt.model for receipt in Ledger(ws)] == [""]
    assert send()["sent_now"] == 0

"""Files are whole or absent, lines end at a newline and nowhere else, and a lock is one process's."""

from __future__ import annotations

import os

import pytest

from pipeline.base.atomic_files import atomic
from pipeline.base.lines import escape, lines
from pipeline.base.lock import lock
from pipeline.batch.request_kind import Kind
from pipeline.errors import DamagedError, UnfinishedError
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.shard_size import split
from pipeline.jobs.shards import write
from pipeline.jobs.token_counts import Counted
from pipeline.provider import Limits


def test_a_file_appears_only_when_its_block_ends_well(tmp_path):
    path = tmp_path / "deep" / "file"
    with pytest.raises(RuntimeError), atomic(path) as stream:
        stream.write(b"half")
        raise RuntimeError
    assert list(path.parent.iterdir()) == []
    with atomic(path) as stream:
        stream.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(OSError), atomic(path) as stream:
        os.close(stream.fileno())  # as a full disk: the bytes cannot reach it
        stream.write(b"new")
    assert path.read_bytes() == b"old"


def test_lines_split_at_newlines_only(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"\xef\xbb\xbfa\xe2\x80\xa8b\x0c\x85\r\n\n \nlast")
    with path.open("rb") as stream:
        assert list(lines(stream)) == [(1, b"a\xe2\x80\xa8b\x0c\x85"), (4, b"last")]


def test_escaped_lines_are_one_line_to_every_reader():
    line = '{"a":"x\u2028y\u2029z\u0085"}'.encode()
    assert escape(line) == b'{"a":"x\\u2028y\\u2029z\\u0085"}'
    assert len(escape(line).decode().splitlines()) == 1


def test_a_second_holder_of_a_lock_is_told_who_has_it(tmp_path):
    with (
        lock(tmp_path / ".lock", "submit"),
        pytest.raises(UnfinishedError, match=rf"`submit` \(process {os.getpid()}\)"),
        lock(tmp_path / ".lock", "results"),
    ):
        pass
    with lock(tmp_path / ".lock", "results"):
        pass


@pytest.mark.parametrize(
    ("limits", "shards"),
    [
        (Limits(), [5]),
        (Limits(max_requests=2), [2, 2, 1]),
        (Limits(max_bytes=22), [2, 2, 1]),  # 10 bytes and a newline each
        (Limits(max_bytes=21), [1, 1, 1, 1, 1]),
        (Limits(max_requests=3, max_bytes=22), [2, 2, 1]),
        (Limits(max_enqueued_tokens=30), [3, 2]),
        (Limits(max_enqueued_tokens=29, max_requests=1), [1] * 5),
    ],
)
def test_split_fills_each_shard_up_to_its_limits(limits, shards):
    numbers = [number for number, _ in split([Counted(b"0123456789", most=10)] * 5, limits)]
    assert [numbers.count(number) for number in sorted(set(numbers))] == shards


def test_a_shard_that_was_changed_by_hand_is_refused(ws):
    ledger = Ledger(ws)
    (receipt,) = write(ledger, "fake", [Counted(b'{"custom_id":"a"}')], Limits(), Kind("m"))
    path = ledger.shard(receipt).path
    assert list(ledger.lines(receipt)) == [b'{"custom_id":"a"}']
    for data in (b'{"custom_id":"b"}\n', b'{"custom', b'{"custom_id":"a"}\n\n'):
        path.write_bytes(data)
        with pytest.raises(DamagedError, match="was changed"):
            next(ledger.lines(receipt))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"version": 1}', b'{"version": 3}'])
def test_a_damaged_receipt_is_named(data, ws):
    ws.jobs.mkdir(parents=True)
    (ws.jobs / "0001-00000000.json").write_bytes(data)
    with pytest.raises(DamagedError, match=r"0001-00000000\.json"):
        Ledger(ws)


def test_a_receipt_comes_back_as_it_was_saved(ws):
    ledger = Ledger(ws)
    saved = ledger.save(Receipt("0001-00000000", "fake", 1, 2, "0" * 64), state="running", ref={"id": "j"})
    assert list(Ledger(ws)) == [saved]

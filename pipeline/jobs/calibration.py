"""What the jobs of a run have taught: how a service counts, and how long its answers are."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.batch.request_kind import Kind
from pipeline.jobs.receipt import Receipt
from pipeline.money.estimate import Calibration


def calibration(receipts: Iterable[Receipt], kind: Kind) -> Calibration:
    """Answers are from all to this prompt that were counted, the ratio from shards whose every request was."""
    known = [receipt for receipt in receipts if receipt.model == kind.model and receipt.tokens and receipt.usage]
    alike = [receipt for receipt in known if receipt.kind == kind]
    rows, said = sum(r.usage["rows"] for r in alike), sum(r.usage["output"] for r in alike)
    whole = [receipt for receipt in known if receipt.usage["rows"] == receipt.requests]
    ours, theirs = sum(r.tokens["input"] for r in whole), sum(r.usage["input"] for r in whole)
    return Calibration(rows, theirs / ours if ours else 1.0, said / rows if rows else 0.0)


class Lessons(dict):
    """What receipts taught of each kind of request, worked out when it is asked for."""

    def __init__(self, receipts: Iterable[Receipt]) -> None:
        super().__init__()
        self._receipts = list(receipts)

    def __missing__(self, kind: Kind) -> Calibration:
        self[kind] = calibration(self._receipts, kind)
        return self[kind]

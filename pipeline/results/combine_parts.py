"""One row for each transcript: of its only request, or of its parts and the rounds that combine their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import count, starmap
from typing import Any, BinaryIO

import orjson

from pipeline.base.lines import escape
from pipeline.batch import made_from
from pipeline.batch.fit_window import Window
from pipeline.batch.made_from import Made
from pipeline.jobs.keep_as_sent import Kept
from pipeline.jobs.ledger import Ledger
from pipeline.results.result_row import Rows
from pipeline.results.round_requests import Said, combining

Request = dict[str, Any]
Row = dict[str, Any]
Asked = tuple[dict[str, Any], Row]  # a request of a round, and its row
Pair = tuple[dict[str, Any], Mapping[str, Any]]  # a request of the batch, and its row of the index

# What `parts` keep of a part's own row.
KEPT = ("custom_id", "outcome", "text", "answer", "error", "finish_reason", "usage", "cost", "job")
LATER = "the answers to its parts are there: `make submit` combines them"


class Combiner:
    """Writes the requests of rounds to `out`, those that were sent too.

    `unsent` counts the others, and `waiting` the results that wait for them.
    """

    def __init__(self, rows: Rows, out: BinaryIO, ledger: Ledger) -> None:
        self._rows, self._out, self._ledger, self.unsent, self.waiting = rows, out, ledger, 0, 0

    @cached_property
    def _kept(self) -> Kept:
        return Kept(self._ledger)

    @cached_property
    def _shards(self) -> dict[str, int]:
        """The number of the shard of each job."""
        return {receipt.ref["id"]: receipt.number for receipt in self._ledger if receipt.ref}

    def row(self, pairs: Sequence[Pair]) -> Row:
        """The row of one transcript and prompt. `pairs` are its requests in the batch."""
        rows = [self._rows.row(request, carried) for request, carried in pairs]
        parts = [carried["part"] for _, carried in pairs]
        if parts == [None]:
            return rows[0]
        whole = self._whole(pairs, parts, rows) if len(rows) > 1 else rows[0]
        kept = [part | {name: row[name] for name in KEPT} for part, row in zip(parts, rows, strict=True)]
        return whole | {"parts": kept}

    def _whole(self, pairs: Sequence[Pair], parts: list[Row], rows: list[Row]) -> Row:
        """The row of the last request that can be made, or that was sent in other words; its cost is of all."""
        carried, cost = pairs[0][1], [row["cost"] for row in rows]
        whole = carried["whole"]
        source = made_from.parts(starmap(self._rows.content, pairs))
        ask = made_from.made(self._rows.prompts.of(whole), source=source)
        newest = max(self._shards.get(row["job"], 0) for row in rows)
        row, asked = self._combined(carried, parts, rows, ask, newest)
        if row["outcome"] == "unsent" and (sent := self._sent(whole, ask, newest)):
            asked = [self._asked(request, carried) for request in sent]
            row = asked[-1][1]
        for request, one in asked:
            self._out.write(escape(orjson.dumps(request)) + b"\n")
            self.unsent += one["outcome"] == "unsent"
            cost.append(one["cost"])
        self.waiting += row["outcome"] == "unsent" and row["error"]["message"].endswith(LATER)
        return row | {"custom_id": whole, "cost": None if None in cost else round(sum(cost), 9)}

    def _sent(self, whole: str, ask: Made, newest: int) -> list[Request]:
        """The requests that combined these answers before, in other words, or for another that asks the same."""
        sent = self._kept.combined(whole, ask, newest)
        names = [whole + one.row["custom_id"].removeprefix(one.row["whole"]) for one in sent]
        about = {"combines": ask.source}
        return [self._kept.request(one, name) | about for one, name in zip(sent, names, strict=True)]

    def _combined(
        self, carried: Mapping[str, Any], parts: list[Row], rows: list[Row], ask: Made, newest: int
    ) -> tuple[Row, list[Asked]]:
        """The last row that can be made of rounds, and their requests, each with its row."""
        whole, asked = carried["whole"], []
        prompt = self._rows.prompts.of(whole)
        window = Window.of(self._rows.provider, prompt)
        said = [Said(p["number"], p["number"], p["of"], p["start"], p["end"]) for p in parts]
        for number in count(2):
            if bad := _first_bad(rows):
                return _blamed(bad, said[rows.index(bad)]), asked
            answered = [replace(one, text=_words(row)) for one, row in zip(said, rows, strict=True)]
            round = combining(prompt, carried, answered, window, whole, number)
            before = {one.first: row for one, row in zip(said, rows, strict=True)}
            said = [to for _, to in round]
            about, new = {"combines": ask.source}, {}
            for request, to in round:
                if request:
                    one = self._asked(request | about | {"span": [to.first, to.last]}, carried)
                    new[to.first] = self._again(one, carried, ask, newest)
            asked += new.values()
            rows = [new[to.first][1] if to.first in new else before[to.first] for to in said]
            if len(rows) == 1:
                return rows[0], asked
        raise AssertionError("each round has fewer answers than the last")

    def _again(self, one: Asked, carried: Mapping[str, Any], ask: Made, newest: int) -> Asked:
        """A request of a round and its row; or, if it was sent in other words, that one."""
        request, row = one
        if row["outcome"] != "unsent":
            return one
        sent = self._kept.round(request["custom_id"], ask, request["span"], newest)
        about = {name: request[name] for name in ("combines", "span")}
        return self._asked(self._kept.request(sent, request["custom_id"]) | about, carried) if sent else one

    def _asked(self, request: dict[str, Any], carried: Mapping[str, Any]) -> Asked:
        row = self._rows.row(request, carried, later=True)
        later = {"error": {"message": LATER, "code": None}} if row["outcome"] == "unsent" else {}
        return request, row | later


def _words(row: Row) -> str:
    """An answer as the next round reads it: a structured one without what stood around it."""
    return row["text"] if row["answer"] is None else orjson.dumps(row["answer"]).decode()


def _first_bad(rows: list[Row]) -> Row | None:
    """A row without an answer: one that failed, else one that is not sent."""
    bad = [row for row in rows if row["outcome"] != "ok"]
    return min(bad, key=lambda row: row["outcome"] == "unsent", default=None)


def _blamed(row: Row, said: Said) -> Row:
    return row | {"error": row["error"] | {"message": f"{said.name}: {row['error']['message']}"}}

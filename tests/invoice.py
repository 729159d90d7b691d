"""A service in memory that counts tokens and writes an invoice, and its provider, which knows its price."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson

from pipeline.money.tokens import count
from pipeline.provider import Limits, Price
from tests.fakes import Fake, Service, error_line

PRICE = Price(2.0, 8.0, 4.0, 16.0, source="the test's own")


class Till(Service):
    """Counts `drift` times what our tokenizer does, and `share` of max_tokens for each answer.

    Requests whose id is in `fails` get an error, and are not billed; answers to those in `silent` have no usage.
    """

    def __init__(self, limits: Limits | None = None, drift: float = 1.0, share: float = 0.5) -> None:
        super().__init__(limits)
        self.drift, self.share = drift, share
        self.fails: set[str] = set()
        self.silent: set[str] = set()
        self.words = lambda name, body: f"{name}: {body['messages'][-1]['content'][-20:]}"

    def usage(self, body: dict[str, Any]) -> dict[str, int]:
        (tokens,) = count([body], body["model"])
        return {
            "prompt_tokens": round(tokens * self.drift),
            "completion_tokens": round(self.share * body["max_tokens"]),
        }

    def rows(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        """The answers to the requests of a job. What failed is decided when the job is first asked for them."""
        if "rows" not in job:
            job["rows"] = [self._row(orjson.loads(line)) for line in self.files[job["file"]].splitlines()]
        return job["rows"]

    def _row(self, request: dict[str, Any]) -> dict[str, Any]:
        name, body = request["custom_id"], request["body"]
        if name in self.fails:
            return error_line(name)
        said = [{"message": {"content": self.words(name, body)}, "finish_reason": "stop"}]
        answer = {
            "model": body["model"],
            "choices": said,
            "usage": None if name in self.silent else self.usage(body),
        }
        return {"custom_id": name, "response": {"status_code": 200, "body": answer}}

    def total(self, price: Price = PRICE) -> float:
        """The invoice in US dollars: all jobs, also those that still run."""
        rows = [row for job in self.jobs for row in self.rows(job) if "response" in row]
        used = [usage for row in rows if (usage := row["response"]["body"]["usage"])]
        return sum(u["prompt_tokens"] * price.input + u["completion_tokens"] * price.output for u in used) / 1e6

    def sent(self) -> Counter[bytes]:
        """How often each body was sent."""
        return Counter(orjson.dumps(body) for body, _ in self._bodies())

    def failures(self) -> Counter[bytes]:
        """How often each body got an error."""
        return Counter(orjson.dumps(body) for body, row in self._bodies() if "error" in row)

    def _bodies(self) -> list[tuple[dict, dict]]:
        return [
            (orjson.loads(line)["body"], row)
            for job in self.jobs
            for line, row in zip(self.files[job["file"]].splitlines(), self.rows(job), strict=True)
        ]


class Paid(Fake):
    """The contract over a Till."""

    def __init__(self, service: Till, price: Price | None = PRICE) -> None:
        super().__init__(service)
        self._price = price

    def price(self, model: str) -> Price | None:
        return self._price

    def fetch(self, ref):
        rows = self.service.rows(self._job(ref))
        self.service.answer = {row["custom_id"]: row for row in rows}.get
        yield from super().fetch(ref)

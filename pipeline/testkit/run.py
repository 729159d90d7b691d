"""One run of the pipeline with the provider under test, in this process: what the checks of the contract drive."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson

from pipeline.base.workspace import Workspace
from pipeline.batch.build_requests import batch
from pipeline.batch.prompt import Prompt
from pipeline.errors import DoubtError, UnfinishedError
from pipeline.jobs.keep_as_sent import Kept
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.wait import Watch
from pipeline.provider import Provider
from pipeline.results.collect import collect
from pipeline.sending.submit import submit
from pipeline.testkit.crash import FakeTime, Killed, Mortal, Steps, asking, dying_disk
from pipeline.transcripts.ingest import ingest

IDS = ("a", "b-2", "C_3")
EVERY = ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789_-", "x" * 64)


class Run:
    """One run with the provider: `make batch`, `make submit` and `make results` in this process."""

    def __init__(self, service: Any, name: str = "test") -> None:
        self.service, self.time = service, FakeTime(most=900)
        self.said: list[str] = []
        self.provider: Provider = service.provider()
        self.ws = Workspace.of(name, self.provider.name)

    def make(self, *ids: str, words: str = "words of {}", **prompt: Any) -> None:
        """Requests for these ids."""
        most = self.provider.limits("m").max_requests
        assert most is None or most >= len(ids), (
            f"these tests count with one shard of {len(ids)}: limits() must allow it"
        )
        path = self.ws.root / "talks.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        talks = [{"id": name, "text": words.format(name)} for name in ids]
        path.write_bytes(b"".join(orjson.dumps(talk) + b"\n" for talk in talks))
        ingest(self.ws, [path], say=self.said.append)
        before = Kept(Ledger(self.ws))
        batch(self.ws, self.service.provider(), [self._prompt(**prompt)], before, say=self.said.append)

    def send(self, provider: Any = None, **how: Any) -> None:
        submit(
            self.ws, provider or self.service.provider(), clock=self.time.clock, say=self.said.append, **asking(how)
        )

    def settle(self) -> None:
        """Submit until it is done. A service that cannot tell whose a job is tells when it has ended.

        A start that was lost is sent again by the word of a person, who knows that this service lists its jobs.
        """
        again = ""
        for _ in range(3):
            try:
                return self.send(again=again)
            except DoubtError:
                again = " ".join(receipt.shard for receipt in Ledger(self.ws) if receipt.lost)
            except UnfinishedError as error:
                assert not self.provider.tag, error
                self.service.advance()
        return self.send(again=again)

    def collect(self, provider: Any = None) -> dict[str, str]:
        """The outcome of each id."""
        watch = Watch(self.ws, provider or self.service.provider(), self.time.clock, self.said.append)
        collect(watch, wait=True)
        return {name: row["outcome"] for name, row in self.rows().items()}

    def dying(self, at: int, monkeypatch: Any, what: Any) -> bool:
        """Do it with a process that dies at that step; returns whether it came so far."""
        steps = Steps(at)
        with monkeypatch.context() as patch:
            dying_disk(patch, steps)
            with suppress(Killed):
                what(Mortal(self.service.provider(), steps))
        return steps.count >= at

    def rows(self) -> dict[str, dict]:
        rows = [orjson.loads(line) for line in self.ws.results.read_bytes().split(b"\n") if line]
        assert len({row["custom_id"] for row in rows}) == len(rows)
        return {row["custom_id"]: row for row in rows}

    def texts(self) -> dict[str, str]:
        return {name: row["text"] for name, row in self.rows().items()}

    def encoded(self, name: str, words: str = "") -> bytes:
        body = self._prompt().body({"text": words or f"words of {name}"})
        return self.provider.encode({"custom_id": name, "body": body})

    def provider_id(self, name: str) -> str:
        """The custom_id as the provider knows it."""
        return self.provider.custom_id(self.encoded(name))

    def wire(self, name: str) -> str:
        """The custom_id under which a request of `make` stands on the wire."""
        requests = [orjson.loads(line) for line in self.ws.batch.read_bytes().split(b"\n") if line]
        request = next(request for request in requests if request["custom_id"] == name)
        return self.service.wire(self.provider.encode(request))

    def _prompt(self, **how: Any) -> Prompt:
        return Prompt(self.provider.default_model or "m", "Be brief.", **{"max_tokens": 90, **how})

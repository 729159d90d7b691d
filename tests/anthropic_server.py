"""A service on loopback that speaks Anthropic's Message Batches. Its jobs advance by being asked, not by time."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta, timezone
from typing import Any

from pipeline.testkit.wire import Answer, Call, WireServer
from providers.anthropic import Anthropic

PATH = "/v1/messages/batches"
STATES = {"running": "in_progress", "cancelled": "ended"}


class AnthropicServer(WireServer):
    at_once = True
    routes = (
        ("POST", "/v1/messages", "ask", "message"),
        ("POST", PATH, "start", "create"),
        ("GET", PATH, "find", "list"),
        ("GET", PATH + "/([^/]+)", "poll", "retrieve"),
        ("POST", PATH + "/([^/]+)/cancel", "cancel", "stop"),
        ("GET", PATH + "/([^/]+)/results", "fetch", "results"),
    )
    page = 2
    running = ("in_progress", "canceling")

    def __init__(self) -> None:
        super().__init__()
        self.tells_strangers = False

    def provider(self) -> Anthropic:
        return Anthropic()

    def create(self, call: Call) -> Answer:
        given = call.headers.get("Authorization")
        if given != f"Bearer {self.secret}" or not call.headers.get("anthropic-version"):
            return Answer(401, {"type": "error", "error": {"message": f"bad key {given}"}})
        requests = call.json["requests"]
        if any(set(request) != {"custom_id", "params"} for request in requests):
            return Answer(400, {"type": "error", "error": {"message": "a request has other fields than it should"}})
        number, now = len(self.jobs) + 1, datetime.now(timezone.utc) + timedelta(milliseconds=len(self.jobs))
        job = {
            "id": f"msgbatch_{number:04d}",
            "created_at": now.isoformat().replace("+00:00", "Z"),
            "type": "message_batch",
        }
        names = [request["custom_id"] for request in requests]
        self.jobs.append({**job, "names": names, "state": "running", "polls": 0, "rows": []})
        return Answer(200, self._shown(self.jobs[-1]))

    def message(self, call: Call) -> Answer:
        """One answer at once."""
        given = call.headers.get("Authorization")
        if given != f"Bearer {self.secret}" or not {"model", "max_tokens", "messages"} <= call.json.keys():
            return Answer(401, {"type": "error", "error": {"message": f"bad key {given}"}})
        return Answer(200, self._result("it")["message"])

    def list(self, call: Call) -> Answer:
        jobs = self.jobs[::-1]
        first = 1 + [job["id"] for job in jobs].index(call.query["after_id"]) if "after_id" in call.query else 0
        page = jobs[first : first + self.page]
        return Answer(200, {"data": [self._shown(job) for job in page], "has_more": first + self.page < len(jobs)})

    def retrieve(self, call: Call) -> Answer:
        job = next((job for job in self.jobs if job["id"] == call.match[1]), None)
        if job is None:
            return Answer(404, {"type": "error", "error": {"message": "no such batch"}})
        job["polls"] += 1
        if job["state"] == "running" and job["polls"] > self.polls_needed:
            self._end(job, self.ending)
        return Answer(200, self._shown(job))

    def stop(self, call: Call) -> Answer:
        job = next(job for job in self.jobs if job["id"] == call.match[1])
        if job["state"] == "running":
            self._end(job, "cancelled")
        return Answer(200, self._shown(job))

    def results(self, call: Call) -> Answer:
        job = next(job for job in self.jobs if job["id"] == call.match[1])
        lines = [json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in job["rows"]]
        return Answer(200, b"".join(lines), {"Content-Type": "application/x-jsonl"})

    def advance(self) -> None:
        """All that runs has ended."""
        for job in self.jobs:
            if job["state"] == "running":
                self._end(job, self.ending)

    def _end(self, job: dict[str, Any], ending: str) -> None:
        done = job["names"] if self.answered is None else job["names"][: self.answered]
        job["rows"] = [{"custom_id": name, "result": self._result(name)} for name in done]
        job["rows"] += [
            {"custom_id": name, "result": r} for name in job["names"][len(done) :] if (r := _unrun(ending))
        ]
        random.Random(1).shuffle(job["rows"])
        job["state"], job["ended_at"] = ending, job["polls"]

    def _result(self, name: str) -> dict[str, Any]:
        if name in self.errors:
            error = {"type": "invalid_request_error", "message": self.errors[name]}
            return {"type": "errored", "error": {"type": "error", "error": error}}
        content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": self.text.format(name)}]
        usage = {"input_tokens": 10, "cache_read_input_tokens": 2, "output_tokens": 3}
        message = {"content": content, "stop_reason": "end_turn", "model": "m", "usage": usage}
        return {"type": "succeeded", "message": message}

    def _shown(self, job: dict[str, Any]) -> dict[str, Any]:
        shown = {name: job[name] for name in ("id", "created_at", "type")}
        ended = job["state"] != "running"
        ready = ended and job["polls"] >= job["ended_at"] + self.late_files
        kinds = [row["result"]["type"] for row in job["rows"]]
        counts = {kind: kinds.count(kind) for kind in ("succeeded", "errored", "canceled", "expired")}
        counts["processing"] = 0 if ended else len(job["names"])
        url = f"{self.url}{PATH}/{job['id']}/results" if ready else None
        status = self.word or ("ended" if ended else "in_progress")
        counts = None if self.no_counts and ended else counts
        return {**shown, "processing_status": status, "request_counts": counts, "results_url": url}


def _unrun(ending: str) -> dict[str, Any] | None:
    error = {"type": "error", "error": {"type": "api_error", "message": "it broke"}}
    rows = {"failed": {"type": "errored", "error": error}, "expired": {"type": "expired"}}
    return {**rows, "cancelled": {"type": "canceled"}}.get(ending)

"""A service on loopback that speaks OpenAI's files and batches, in the dialects that services have of it.

As documented: paths, words, lines. Invented: the answers, and that jobs advance by being asked and not by time.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from typing import Any

from pipeline.testkit.wire import Answer, Call, WireServer

FILE = re.compile(rb'name="file"; filename="[^"]*"\r\nContent-Type: [^\r]*\r\n\r\n(.*)\r\n--', re.S)
PURPOSE = re.compile(rb'name="purpose"\r\n\r\n([^\r]*)\r\n')


@dataclass(frozen=True)
class Dialect:
    """What a service does otherwise than OpenAI; written by hand, not from the table that is tested."""

    prefix: str = "/v1"
    batches: str = "/batches"
    listed: str = "data"  # "" is a bare list
    metadata: bool = True
    page: int = 2  # jobs of a page
    cancel: tuple[str, str] = ("POST", "/cancel")
    upper: bool = False  # words
    line: frozenset[str] = frozenset({"custom_id", "method", "url", "body"})
    url: str = "/v1/chat/completions"
    empty_errors: bool = False  # an error file of no bytes
    mistral: bool = False


DIALECTS = {
    "openai": Dialect(),
    "azure": Dialect(prefix="/openai/v1", listed="value", empty_errors=True),
    "cerebras": Dialect(cancel=("DELETE", "")),
    "siliconflow": Dialect(metadata=False),
    "zhipu": Dialect(prefix="/api/paas/v4", url="/v4/chat/completions"),
    "novita": Dialect(prefix="/openai/v1", metadata=False, upper=True, listed=""),
    "mistral": Dialect(batches="/batch/jobs", mistral=True, line=frozenset({"custom_id", "body"})),
}
RUNNING = ("validating", "in_progress", "finalizing", "cancelling", "CANCELLING")
MISTRAL = {"in_progress": "RUNNING", "completed": "SUCCESS", "expired": "TIMEOUT_EXCEEDED"}


class OpenAIServer(WireServer):
    """`OpenAIServer("mistral")`. Each job is the object of the wire, with more under names that begin with `_`."""

    at_once = True

    def __init__(self, name: str = "openai") -> None:
        super().__init__()
        self.dialect = dialect = DIALECTS[name]
        self.files: dict[str, dict[str, Any]] = {}
        self.tells_strangers = dialect.metadata
        self.running = ("QUEUED", "RUNNING", "CANCELLATION_REQUESTED") if dialect.mistral else RUNNING
        files, batches = dialect.prefix + "/files", dialect.prefix + dialect.batches
        method, tail = dialect.cancel
        self.routes = (
            ("POST", files, "stage", "upload"),
            ("GET", files + "/([^/]+)", "fetch_size", "file"),
            ("GET", files + "/([^/]+)/content", "fetch", "content"),
            ("POST", dialect.prefix + "/chat/completions", "ask", "complete"),
            ("POST", batches, "start", "create"),
            ("GET", batches, "find", "list"),
            (method, f"{batches}/([^/]+){tail}", "cancel", "stop"),
            ("GET", batches + "/([^/]+)", "poll", "retrieve"),
        )
        self.base_url = self.url + dialect.prefix

    # -- files ------------------------------------------------------------------------------------

    def upload(self, call: Call) -> Answer:
        if not self._known(call):
            return Answer(401, {"error": {"message": f"bad key {call.headers.get('Authorization')}"}})
        purpose, data = PURPOSE.search(call.body), FILE.search(call.body)
        if not purpose or purpose[1] != b"batch" or not data:
            return Answer(400, {"error": {"message": "purpose and file are needed"}})
        return Answer(200, self._about(self._store(data[1])))

    def file(self, call: Call) -> Answer:
        found = self.files.get(call.match[1])
        return Answer(200, self._about(found)) if found else Answer(404, {"error": {"message": "no such file"}})

    def content(self, call: Call) -> Answer:
        found = self.files.get(call.match[1])
        return Answer(200, found["data"]) if found else Answer(404, {"error": {"message": "no such file"}})

    def _store(self, data: bytes) -> dict[str, Any]:
        name = f"file-{len(self.files) + 1:04d}"
        self.files[name] = {"id": name, "data": data}
        return self.files[name]

    def _about(self, file: dict[str, Any]) -> dict[str, Any]:
        about = {"id": file["id"], "object": "file", "bytes": len(file["data"]), "purpose": "batch"}
        more = {"filename": "0001.jsonl", "sample_type": "batch_request", "source": "upload"}
        return {**about, "created_at": 1_700_000_000, **more}

    def complete(self, call: Call) -> Answer:
        """One answer at once."""
        if not self._known(call) or not {"model", "messages"} <= call.json.keys():
            return Answer(401, {"error": {"message": f"bad key {call.headers.get('Authorization')}, or no model"}})
        return Answer(200, self._row({"custom_id": "it"})["response"]["body"])

    # -- jobs -------------------------------------------------------------------------------------

    def create(self, call: Call) -> Answer:
        asked = call.json
        name = asked["input_files"][0] if self.dialect.mistral else asked["input_file_id"]
        if not self._known(call) or name not in self.files or (self.dialect.mistral and not asked.get("model")):
            return Answer(400, {"error": {"message": "no such file, or no model"}})
        if "metadata" in asked and not self.dialect.metadata:
            return Answer(400, {"error": {"message": "metadata is not a field"}})
        lines = [json.loads(line) for line in self.files[name]["data"].split(b"\n") if line]
        if not all(self._fits(line) for line in lines):
            return Answer(400, {"error": {"message": "a line has other fields than it should"}})
        number = len(self.jobs) + 1
        job = {"id": f"batch_{number:04d}", "created_at": 1_700_000_000 + number, **asked}
        self.jobs.append({**job, "_lines": lines, "_polls": 0, "_state": "running", "names": _names(lines)})
        return Answer(200, self._shown(self.jobs[-1]))

    def list(self, call: Call) -> Answer:
        jobs = self.jobs[::-1]
        if not self.dialect.listed:
            return Answer(200, [self._shown(job) for job in jobs])
        first = int(call.query.get("page", 0)) * self.dialect.page
        if after := call.query.get("after"):
            first = [job["id"] for job in jobs].index(after) + 1
        page = jobs[first : first + self.dialect.page]
        more = first + self.dialect.page < len(jobs)
        extra = {"total": len(jobs)} if self.dialect.mistral else {"has_more": more}
        return Answer(200, {self.dialect.listed: [self._shown(job) for job in page], **extra})

    def retrieve(self, call: Call) -> Answer:
        job = next((job for job in self.jobs if job["id"] == call.match[1]), None)
        if job is None:
            return Answer(404, {"error": {"message": "no such batch"}})
        job["_polls"] += 1
        if job["_state"] == "running" and job["_polls"] > self.polls_needed:
            self._end(job, self.ending)
        return Answer(200, self._shown(job))

    def stop(self, call: Call) -> Answer:
        job = next(job for job in self.jobs if job["id"] == call.match[1])
        if job["_state"] == "running":
            self._end(job, "cancelled")
        return Answer(200, self._shown(job))

    def advance(self) -> None:
        """All that runs has ended."""
        for job in self.jobs:
            if job["_state"] == "running":
                self._end(job, self.ending)

    def _end(self, job: dict[str, Any], ending: str) -> None:
        job["_state"], job["_ended_at"] = ending, job["_polls"]
        done = job["_lines"] if self.answered is None else job["_lines"][: self.answered]
        good = [self._row(line) for line in done if line["custom_id"] not in self.errors]
        bad = [_failed(line, self.errors[line["custom_id"]]) for line in done if line["custom_id"] in self.errors]
        random.Random(1).shuffle(good)
        job["_done"] = (len(good), len(bad))
        job["_output"] = self._store(_jsonl(good))["id"] if good else None
        job["_errors"] = self._store(_jsonl(bad))["id"] if bad or self.dialect.empty_errors else None

    def _row(self, line: dict[str, Any]) -> dict[str, Any]:
        message = {"role": "assistant", "content": self.text.format(line["custom_id"])}
        usage = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
        body = {"model": "m", "choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}
        return {"custom_id": line["custom_id"], "response": {"status_code": 200, "body": body}, "error": None}

    def _shown(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job as the wire has it."""
        shown = {name: value for name, value in job.items() if name[0] != "_" and name != "names"}
        ready = job["_state"] != "running" and job["_polls"] >= job["_ended_at"] + self.late_files
        output, errors = (job.get("_output"), job.get("_errors")) if ready else (None, None)
        good, bad = job.get("_done", (0, 0))
        state = "in_progress" if job["_state"] == "running" else job["_state"]
        counts = None if self.no_counts else {"total": len(job["_lines"]), "completed": good, "failed": bad}
        if self.dialect.mistral:
            state = MISTRAL.get(state, state.upper())
            count = {"total_requests": len(job["_lines"]), "completed_requests": good + bad}
            count |= {"succeeded_requests": good, "failed_requests": bad, "errors": [], "object": "batch"}
            count = {} if self.no_counts else count
            return {**shown, "status": self.word or state, "output_file": output, "error_file": errors, **count}
        state = state.upper() if self.dialect.upper else state
        files = {"output_file_id": output, "error_file_id": errors}
        why = {"data": [{"message": "it broke", "code": "boom"}]} if state.lower() == "failed" else None
        return {**shown, "status": self.word or state, **files, "request_counts": counts, "errors": why}

    def _fits(self, line: dict[str, Any]) -> bool:
        return set(line) == self.dialect.line and line.get("url", self.dialect.url) == self.dialect.url

    def _known(self, call: Call) -> bool:
        return call.headers.get("Authorization") == f"Bearer {self.secret}"


def _failed(line: dict[str, Any], message: str) -> dict[str, Any]:
    return {"custom_id": line["custom_id"], "response": None, "error": {"code": "bad", "message": message}}


def _names(lines: list[dict[str, Any]]) -> list[str]:
    return [line["custom_id"] for line in lines]


def _jsonl(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)

"""A service on loopback that speaks Together's files and batches wire, for the real SDK to talk to.

As recorded from SDK 3.1.1: the upload (302 with Location and X-Together-File-Id, PUT of the bytes without
a key, preprocess; 409 with the file's id for bytes that are there), the wrapper around a created job, the
redirect to storage on a download. As others report of the service: `null` for an empty list, CANCELING, the
two shapes of an error body. As documented: the limits of an input file, the words, output and error lines.
Invented: the answers, the texts of errors, and that jobs advance by being asked and not by time.
`python tests/together_server.py` serves by hand; GET /invoice tells what would be paid for.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import re
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

FORM = re.compile(rb'name="(\w+)"\r\n\r\n(.*?)\r\n', re.S)
TERMINAL = ("COMPLETED", "FAILED", "EXPIRED", "CANCELLED")
BENDS = ("cut", "short", "fewer", "gzip_cut", "html", "empty", "truncate", "dict", "slow")
STATUS = re.compile(r"(?:status:)?([1-5]\d\d)(?::(.+))?")


class Answer(NamedTuple):
    status: int
    content: Any = b""  # bytes as they are, anything else as JSON
    headers: dict[str, str] = {}  # noqa: RUF012


@dataclass
class Job:
    about: dict[str, Any]  # the BatchJob of the wire
    rows: list[dict]
    custom_ids: list[str]
    ending: str
    answered: int | None
    errors: dict[str, Any]
    error: str | None
    invalid: str | None  # why the first poll answers FAILED
    unseen: int  # lists that do not show it yet
    late: int  # polls after the end that do not name its files yet
    polls: int = 0
    outputs: dict[str, str] = field(default_factory=dict)


class TogetherServer:
    """`with TogetherServer() as server:`; `invoice` lists what was paid for, `requests` what was asked.

    `fault(route, kind, …, times=1)` bends the next calls of a route; ROUTES names them.
    - "500" or "status:500" answers that status, "429:7" or "retry_after:7:429" with a Retry-After; "drop"
      closes the connection. Nothing is done; with "executed:" before, it is.
    - "html" and "empty" (200, `{}` or no byte), "truncate" (half of the JSON), "dict" (an object around the
      list) and "slow" (held until `release`) bend an answer: a GET is done, the rest if "executed:".
    - downloads: "cut" (the length of the whole, half the bytes), "short" (half, with its own length),
      "fewer" (half of the lines, likewise), "gzip_cut" (half of a gzip stream, likewise), "html", "empty".
    """

    def __init__(self, port: int = 0, two_origins: bool = False) -> None:
        self.files: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, Job] = {}
        self.requests: list[tuple[str, str]] = []
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.wrong_key = "wrong"  # answered 401, as no key is
        self.max_bytes, self.max_lines, self.max_line = 100_000_000, 50_000, 10_000_000
        # of every job
        self.polls_needed = 1  # polls that answer IN_PROGRESS
        self.cancel_polls = 0  # polls that answer CANCELING
        self.words: list[str] = []  # status words of the next polls, instead of the true ones
        self.job_hook: Callable[[dict], dict] = lambda job: job  # bends every job that is told
        self.rows: Callable[[list[dict]], list] = lambda rows: rows  # bends the output; a row may be bytes
        self.error_rows: Callable[[list[dict]], list] = lambda rows: rows
        self.seed = 1  # of the order of the output
        # of the jobs that are created from then on
        self.ending, self.answered = "COMPLETED", None  # answered: rows that were done before; None is all
        self.errors: dict[str, Any] = {}  # custom_id -> message or (message, code), in the error file
        self.job_error: str | None = None
        self.empty_error_file = False
        self.late_files = 0
        self.list_lag = 0
        self.warning: str | None = None
        self.release = threading.Event()
        self.lock = threading.RLock()
        ports = (port, 0) if two_origins else (port,)
        self.listeners = [_Listener(("127.0.0.1", each), _handler(self)) for each in ports]
        urls = [f"http://127.0.0.1:{each.server_port}" for each in self.listeners]
        self.url, self.storage = urls[0], urls[-1]

    def __enter__(self) -> TogetherServer:
        for listener in self.listeners:
            threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self.release.set()
        for listener in self.listeners:
            listener.shutdown()
            listener.server_close()

    def fault(self, route: str, *kinds: str, times: int = 1) -> None:
        """The next calls of `route` go wrong in these ways, each once, the whole `times` over."""
        if route not in ROUTES.values() or not all(_fault(kind) for kind in kinds):
            raise ValueError(f"no such fault: {route} {kinds}")
        self.faults[route].extend(kinds * times)

    @property
    def invoice(self) -> list[list[str]]:
        """The custom_ids of each job that was created, in order."""
        return [bill["custom_ids"] for bill in self.bills]

    @property
    def bills(self) -> list[dict[str, Any]]:
        """What `invoice` is about: every job that was created, as it stands, with its custom_ids."""
        with self.lock:
            return [{**job.about, "custom_ids": job.custom_ids} for job in self.jobs.values()]

    @property
    def paid(self) -> list[str]:
        """The custom_ids of all jobs."""
        return sorted(name for names in self.invoice for name in names)

    def starts(self) -> int:
        """Requests to create a job, whatever came of them."""
        return self.requests.count(("POST", "/v1/batches"))

    # -- files, one method for each route --------------------------------------------------------

    def upload(self, body: bytes) -> Answer:
        form = {name.decode(): value.decode() for name, value in FORM.findall(body)}
        if not {"purpose", "file_name", "file_type", "checksum"} <= form.keys():
            return _file_error(400, "missing form field")
        file_id = f"file-{form['checksum'][:16]}"
        if self._bytes(file_id) is not None:
            return Answer(409, {"file_id": file_id})
        self.files[file_id] = {"name": form["file_name"], "purpose": form["purpose"], "data": None}
        return Answer(302, b"", {"Location": self._signed(file_id), "X-Together-File-Id": file_id})

    def put(self, body: bytes, file_id: str) -> Answer:
        if file_id not in self.files:
            return Answer(403, b"<Error><Code>AccessDenied</Code></Error>")
        self.files[file_id]["data"] = body
        return Answer(200)

    def file(self, body: bytes, file_id: str) -> Answer:
        if self._bytes(file_id) is None:
            return _file_error(404, f"no file {file_id}")
        return Answer(200, self._about_file(file_id))

    preprocess = file

    def list_files(self, body: bytes) -> Answer:
        ids = [file_id for file_id in self.files if self._bytes(file_id) is not None]
        return Answer(200, {"data": [self._about_file(file_id) for file_id in ids]})

    def delete(self, body: bytes, file_id: str) -> Answer:
        if self.files.pop(file_id, None) is None:
            return _file_error(404, f"no file {file_id}")
        return Answer(200, {"id": file_id, "deleted": True})

    def redirect(self, body: bytes, file_id: str) -> Answer:
        if self._bytes(file_id) is None:
            return _file_error(404, f"no file {file_id}")
        return Answer(302, b"", {"Location": self._signed(file_id)})

    def content(self, body: bytes, file_id: str) -> Answer:
        data = self._bytes(file_id)
        return Answer(404, b"<Error/>") if data is None else Answer(200, data)

    def complete(self, body: bytes) -> Answer:
        """One answer at once: no job, and no batch price."""
        return Answer(
            200, self.rows([_answer({"custom_id": "it", "body": json.loads(body)})])[0]["response"]["body"]
        )

    # -- jobs, likewise --------------------------------------------------------------------------

    def create(self, body: bytes) -> Answer:
        try:
            asked = json.loads(body)
            file_id, endpoint = asked["input_file_id"], asked["endpoint"]
        except (ValueError, KeyError, TypeError):
            return Answer(400, {"error": "malformed request"})
        data = self._bytes(file_id)
        if data is None or endpoint != "/v1/chat/completions":
            return Answer(400, {"error": "invalid input file" if data is None else "invalid endpoint"})
        rows, invalid, unread = _read(data, self)
        job = Job(
            about=_about_job(len(self.jobs) + 1, asked, data, rows),
            rows=rows,
            custom_ids=[row["custom_id"] for row in rows],
            ending="FAILED" if unread else self.ending,
            answered=0 if unread else self.answered,
            errors=dict(self.errors),
            error=unread or self.job_error,
            invalid=invalid,
            unseen=self.list_lag,
            late=self.late_files,
        )
        self.jobs[job.about["id"]] = job
        return Answer(201, {"job": self._tell(job), "warning": self.warning})

    def list(self, body: bytes) -> Answer:
        seen = [job for job in self.jobs.values() if job.unseen == 0]
        for job in self.jobs.values():
            job.unseen = max(0, job.unseen - 1)
        return Answer(200, [self._tell(job) for job in reversed(seen)] or None)

    def retrieve(self, body: bytes, job_id: str) -> Answer:
        if (job := self.jobs.get(job_id)) is None:
            return Answer(404, {"error": "no such batch"})
        if job.about["status"] not in TERMINAL:
            self._advance(job)
        if job.about["status"] in TERMINAL:
            if job.late == 0:
                job.about.update(job.outputs)
            job.late = max(0, job.late - 1)
        return Answer(200, self._tell(job, **({"status": self.words.pop(0)} if self.words else {})))

    def cancel(self, body: bytes, job_id: str) -> Answer:
        if (job := self.jobs.get(job_id)) is None:
            return Answer(404, {"error": "no such batch"})
        if job.about["status"] in TERMINAL:
            return Answer(400, {"error": f"batch is {job.about['status']}"})
        if job.answered is None:
            job.answered = int(len(job.rows) * job.about["progress"] / 100)
        job.ending, job.error, job.polls = "CANCELLED", None, 0
        job.about["status"] = "CANCELING"
        return Answer(200, self._tell(job))

    def tell_bills(self, body: bytes) -> Answer:
        return Answer(200, self.bills)

    # -- what they are made of -------------------------------------------------------------------

    def _bytes(self, file_id: Any) -> bytes | None:
        return self.files.get(file_id, {}).get("data") if isinstance(file_id, str) else None

    def _signed(self, file_id: str) -> str:
        return f"{self.storage}/storage/{file_id}?X-Amz-Signature=abc"

    def _about_file(self, file_id: str) -> dict[str, Any]:
        file = self.files[file_id]
        about = {"id": file_id, "object": "file", "created_at": 1767225600, "filename": file["name"]}
        return {**about, "purpose": file["purpose"], "bytes": len(file["data"]), "FileType": "jsonl"}

    def _tell(self, job: Job, **instead: Any) -> dict[str, Any]:
        return self.job_hook({**job.about, **instead})

    def _advance(self, job: Job) -> None:
        job.polls += 1
        cancelled = job.about["status"] == "CANCELING"
        if job.invalid:
            job.about.update(status="FAILED", error=job.invalid)
        elif job.polls > (self.cancel_polls if cancelled else self.polls_needed):
            self._end(job)
        elif not cancelled:
            job.about.update(status="IN_PROGRESS", progress=100.0 * job.polls / (self.polls_needed + 1))

    def _end(self, job: Job) -> None:
        count = job.answered
        if count is None:
            count = 0 if job.ending == "FAILED" else len(job.rows)
        done = [row for row in job.rows if row["custom_id"] not in job.errors][:count]
        bad = [_error(name, job.errors[name]) for name in job.custom_ids if name in job.errors and count]
        answers = [_answer(row) for row in done]
        random.Random(self.seed).shuffle(answers)
        progress = 100.0 * (len(done) + len(bad)) / max(1, len(job.rows))
        job.about.update(status=job.ending, error=job.error, progress=progress)
        job.about["completed_at"] = job.about["job_deadline"]
        if answers:
            job.outputs["output_file_id"] = self._store(f"{job.about['id']}-output", self.rows(answers))
        if bad or self.empty_error_file:
            job.outputs["error_file_id"] = self._store(f"{job.about['id']}-error", self.error_rows(bad))

    def _store(self, file_id: str, rows: list) -> str:
        lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
        data = b"".join(line + b"\n" for line in lines)
        self.files[file_id] = {"name": f"{file_id}.jsonl", "purpose": "batch-generated", "data": data}
        return file_id


# What is asked for -> the route's name, which is the name of the method.
ID = r"([^/]+)"
ROUTES = {
    "POST /v1/files": "upload",
    f"PUT /storage/{ID}": "put",
    f"POST /v1/files/{ID}/preprocess": "preprocess",
    "GET /v1/files": "list_files",
    f"GET /v1/files/{ID}": "file",
    f"DELETE /v1/files/{ID}": "delete",
    f"GET /v1/files/{ID}/content": "redirect",
    f"GET /storage/{ID}": "content",
    "POST /v1/chat/completions": "complete",
    "POST /v1/batches": "create",
    "GET /v1/batches": "list",
    f"GET /v1/batches/{ID}": "retrieve",
    f"POST /v1/batches/{ID}/cancel": "cancel",
    "GET /invoice": "tell_bills",
}
REFUSALS = {
    "no key": (401, "Invalid API key provided"),
    "key": (403, "a signed URL takes no key"),
    "unknown": (404, "no such path"),
}


def _read(data: bytes, limits: TogetherServer) -> tuple[list[dict], str | None, str | None]:
    """The rows of an input file, what validation says against them, and what only shows later."""
    lines = [line for line in data.split(b"\n") if line.strip()]
    rows: dict[str, dict] = {}
    invalid = None
    if len(data) > limits.max_bytes:
        invalid = f"input file exceeds {limits.max_bytes} bytes"
    elif not 0 < len(lines) <= limits.max_lines:
        invalid = f"input file has {len(lines)} requests, of 1 to {limits.max_lines}"
    for number, line in enumerate(lines, 1):
        problem = _row_problem(line, rows)
        invalid = invalid or (problem and f"line {number}: {problem}")
    too_long = any(len(line) > limits.max_line for line in lines)
    return list(rows.values()), invalid, "error reading input file" if too_long else None


def _row_problem(line: bytes, rows: dict[str, dict]) -> str | None:
    try:
        row = json.loads(line)
        name, body = row["custom_id"], row["body"]
    except (ValueError, KeyError, TypeError):
        return "malformed request"
    if not isinstance(name, str) or not 0 < len(name) <= 64 or not isinstance(body, dict):
        return "malformed request"
    if name in rows:
        return f"duplicate custom_id {name}"
    rows[name] = row
    return None


def _about_job(number: int, body: dict, data: bytes, rows: list[dict]) -> dict[str, Any]:
    created = datetime(2026, 1, 1) + timedelta(seconds=number)
    return {
        "id": f"batch-{number:04d}",
        "user_id": "user-1",
        "input_file_id": body["input_file_id"],
        "file_size_bytes": len(data),
        "status": "VALIDATING",
        "created_at": f"{created.isoformat()}Z",
        "job_deadline": f"{(created + timedelta(hours=24)).isoformat()}Z",
        "endpoint": body["endpoint"],
        "model_id": rows[0]["body"].get("model") if rows else None,
        "progress": 0.0,
        "error": None,
    }


def _answer(row: dict) -> dict:
    """Deterministic from the request, so that a mixed-up answer shows."""
    asked = [each.get("content") for each in row["body"].get("messages", []) if each.get("role") == "user"]
    text = asked[-1] if asked and isinstance(asked[-1], str) else json.dumps(asked[-1:])
    said = f"{len(text)} chars, {hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    message = {"role": "assistant", "content": f"answer to {row['custom_id']}: {said}"}
    body = {
        "id": f"chat-{row['custom_id']}",
        "object": "chat.completion",
        "created": 1767225600,
        "model": row["body"].get("model"),
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
    }
    name = row["custom_id"]
    return {"id": f"br_{name}", "custom_id": name, "response": {"status_code": 200, "body": body}}


def _error(name: str, told: str | tuple[str, str]) -> dict:
    message, code = (told, "invalid_request") if isinstance(told, str) else told
    return {"custom_id": name, "error": {"message": message, "code": code}}


def _file_error(status: int, message: str) -> Answer:
    return Answer(status, {"error": {"message": message, "type": "invalid_request_error", "param": None}})


# -- HTTP ------------------------------------------------------------------------------------------


def _fault(text: str) -> tuple[bool, str, int, str] | None:
    """Whether it is executed, the kind, the status, the Retry-After; None if there is no such fault."""
    executed, kind = text.startswith("executed:"), text.removeprefix("executed:")
    if kind.startswith("retry_after:"):  # the wait may be a date, with colons
        wait, _, status = kind.removeprefix("retry_after:").rpartition(":")
        kind = f"{status}:{wait}"
    if found := STATUS.fullmatch(kind):
        return executed, "status", int(found[1]), found[2] or ""
    return (executed, kind, 0, "") if kind in ("drop", *BENDS) else None


def _bend(kind: str, route: str, status: int, data: bytes) -> tuple[int, bytes, dict[str, str]]:
    """An answer that looks like one: its status, bytes and headers."""
    if kind == "html":
        return 200, b"<!doctype html><title>Log in</title>", {"Content-Type": "text/html"}
    if kind == "empty":
        return 200, b"" if route == "content" else b"{}", {}
    if kind == "dict":
        return status, b'{"data": ' + data + b"}", {}
    if kind == "fewer":
        lines = data.splitlines(keepends=True)
        return status, b"".join(lines[: len(lines) // 2]), {}
    packed = {"Content-Encoding": "gzip"} if kind == "gzip_cut" else {}
    data = gzip.compress(data) if packed else data
    return status, data[: len(data) // 2] if kind in ("short", "truncate", "gzip_cut") else data, packed


class _Listener(ThreadingHTTPServer):
    """Clients are killed on purpose: what they leave behind is nobody's news."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *args: object) -> None:
        pass


def _handler(server: TogetherServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def log_message(self, *args: object) -> None:
            pass

        def do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:  # killed while it sent
                self.close_connection = True
                return
            path = self.path.partition("?")[0]
            route, ids = self._route(path)
            with server.lock:
                if route != "tell_bills":
                    server.requests.append((self.command, path))
                text = server.faults[route].pop(0) if server.faults[route] else None
                fault = _fault(text) if text else None
                answer = self._run(fault, route, body, ids)
                plain = isinstance(answer.content, bytes)
                data = answer.content if plain else json.dumps(answer.content).encode()
            self._reply(fault, route, answer, data)

        do_GET = do_POST = do_PUT = do_DELETE = do

        def _route(self, path: str) -> tuple[str, tuple[str, ...]]:
            kind, _, key = (self.headers.get("Authorization") or "").partition(" ")
            if path.startswith("/v1/") and (kind != "Bearer" or key in ("", server.wrong_key)):
                return "no key", ()
            if self.command == "PUT" and key:
                return "key", ()
            for pattern, route in ROUTES.items():
                if found := re.fullmatch(pattern, f"{self.command} {path}"):
                    return route, found.groups()
            return "unknown", ()

        def _run(self, fault: tuple | None, route: str, body: bytes, ids: tuple[str, ...]) -> Answer:
            if route in REFUSALS:
                return _file_error(*REFUSALS[route])
            if fault and not fault[0] and not (self.command == "GET" and fault[1] in BENDS):
                return Answer(500, {"error": "not executed"})
            return getattr(server, route)(body, *ids)

        def _reply(self, fault: tuple | None, route: str, answer: Answer, data: bytes) -> None:
            _, kind, status, wait = fault or (True, "", 0, "")
            if kind == "drop":
                self.close_connection = True
                return
            if kind == "slow":
                server.release.wait()
            if kind == "status":
                data = b'{"error": "the fault you asked for"}'
                answer = Answer(status, data, {"Retry-After": wait} if wait else {})
            code, body, headers = _bend(kind, route, answer.status, data)
            length = len(body)
            if kind == "cut":
                body, self.close_connection = body[: length // 2], True
            self.send_response(code)
            self.send_header("Content-Length", str(length))
            for name, value in {"Content-Type": "application/json", **answer.headers, **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler


def main() -> None:
    parser = argparse.ArgumentParser(description="Together's files and batches wire, on loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--polls", type=int, default=1, help="polls before a job ends")
    options = parser.parse_args()
    with TogetherServer(options.port) as server:
        server.polls_needed = options.polls
        print(f"export TOGETHER_API_KEY=k TOGETHER_BASE_URL={server.url}", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()

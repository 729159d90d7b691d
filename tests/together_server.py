"""A service on loopback that speaks Together's files and batches wire, for the real SDK to talk to.

As recorded: the upload (302 with Location and X-Together-File-Id, PUT without a key, preprocess; 409 with the
file's id for bytes that are there already), the wrapper around a created job, `null` for an empty list, the
redirect to storage on a download, 401, upper-case words. Invented: the answers, and that jobs advance by
being asked and not by time. `python -m tests.together_server` serves by hand.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import socket
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MAX_BYTES, MAX_LINES, MAX_LINE = 100_000_000, 50_000, 10_000_000
FORM = re.compile(rb'name="(\w+)"\r\n\r\n(.*?)\r\n', re.S)


class TogetherServer:
    """`with TogetherServer() as server:`; `invoice` lists what was paid for, `requests` what was asked.

    `fault(route, kind)` bends the next call of a route (upload, put, preprocess, create, list, retrieve,
    cancel, content, file). Kinds: "500" answers that status and does nothing; "drop" closes the connection
    and does nothing; "executed:…" does it first. Downloads: cut, short, html, empty. Create: truncate, html,
    empty, slow. A status may carry a Retry-After, "429:7".
    """

    def __init__(self, port: int = 0) -> None:
        self.files: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.ending, self.answered, self.polls_needed = "COMPLETED", None, 1
        self.errors: dict[str, str] = {}  # custom_id -> message, in the error file
        self.rows: Callable[[list[dict]], list[dict]] = lambda rows: rows  # bends the output
        self.empty_error_file = False
        self.late_files = 0  # polls after the end before the files are named
        self.job_error: str | None = None
        self.words: list[str] = []  # status words of the next polls, instead of the true ones
        self.release = threading.Event()
        self.lock = threading.RLock()
        self.http = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self.http.daemon_threads = True
        self.http.handle_error = lambda *args: None  # clients are killed on purpose
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def __enter__(self) -> TogetherServer:
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self.release.set()
        self.http.shutdown()
        self.http.server_close()

    def fault(self, route: str, *kinds: str) -> None:
        self.faults[route].extend(kinds)

    @property
    def invoice(self) -> list[list[str]]:
        """The custom_ids of each job that was created, in order."""
        return [job["names"] for job in self.jobs.values()]

    @property
    def paid(self) -> list[str]:
        """The custom_ids of all jobs."""
        return sorted(name for names in self.invoice for name in names)

    def starts(self) -> int:
        """Requests to create a job, whatever came of them."""
        return self.requests.count(("POST", "/v1/batches"))

    # -- what the service does -------------------------------------------------------------------

    def upload(self, form: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        file_id = f"file-{form['checksum'][:16]}"
        if self.files.get(file_id, {}).get("data") is not None:
            return 409, {"file_id": file_id}, {}
        self.files[file_id] = {"name": form["file_name"], "purpose": form["purpose"], "data": None}
        there = {"Location": f"{self.url}/storage/{file_id}?X-Amz-Signature=abc", "X-Together-File-Id": file_id}
        return 302, "", there

    def describe(self, file_id: str) -> tuple[int, Any, dict]:
        file = self.files.get(file_id)
        if file is None or file["data"] is None:
            return 404, {"error": {"message": f"no file {file_id}", "type": "invalid_request_error"}}, {}
        about = {"id": file_id, "object": "file", "created_at": 1, "filename": file["name"], "purpose": "batch-api"}
        return 200, {**about, "bytes": len(file["data"]), "FileType": "jsonl"}, {}

    def create(self, body: dict[str, Any]) -> tuple[int, Any, dict]:
        file = self.files.get(body.get("input_file_id", ""))
        if file is None or file["data"] is None or body.get("endpoint") != "/v1/chat/completions":
            return 400, {"error": "invalid input file"}, {}
        number = len(self.jobs) + 1
        rows, fault = _rows(file["data"])
        job = {
            "id": f"batch-{number:04d}",
            "input_file_id": body["input_file_id"],
            "status": "VALIDATING",
            "created_at": f"2026-01-01T00:{number // 60:02d}:{number % 60:02d}Z",
            "endpoint": body["endpoint"],
            "progress": 0.0,
            "error": None,
        }
        ending = ("FAILED", fault) if fault else (self.ending, self.job_error)
        names = [row["custom_id"] for row in rows]
        self.jobs[job["id"]] = {"job": job, "rows": rows, "names": names, "polls": 0, "ending": ending}
        return 201, {"job": job, "warning": None}, {}

    def list(self) -> tuple[int, Any, dict]:
        return 200, [entry["job"] for entry in reversed(self.jobs.values())] or None, {}

    def retrieve(self, job_id: str) -> tuple[int, Any, dict]:
        if job_id not in self.jobs:
            return 404, {"error": "no such batch"}, {}
        entry = self.jobs[job_id]
        entry["polls"] += 1
        if entry["job"]["status"] == "CANCELING":
            self._end(entry, "CANCELLED", None)
        elif entry["polls"] > self.polls_needed and entry["job"]["status"] in ("VALIDATING", "IN_PROGRESS"):
            self._end(entry, *entry["ending"])
        elif entry["job"]["status"] == "VALIDATING":
            entry["job"]["status"] = "IN_PROGRESS"
        if entry["job"]["status"] in ("COMPLETED", "EXPIRED", "CANCELLED", "FAILED"):
            entry["late"] = entry.get("late", self.late_files + 1) - 1
            if entry["late"] <= 0:
                entry["job"].update(entry["outputs"])
        word = {"status": self.words.pop(0)} if self.words else {}
        return 200, {**entry["job"], **word}, {}

    def cancel(self, job_id: str) -> tuple[int, Any, dict]:
        entry = self.jobs[job_id]
        entry["job"]["status"] = "CANCELING"
        return 200, entry["job"], {}

    def _end(self, entry: dict[str, Any], status: str, error: str | None) -> None:
        job, rows = entry["job"], entry["rows"]
        count = 0 if status == "FAILED" else len(rows) if self.answered is None else self.answered
        done = [row for row in rows if row["custom_id"] not in self.errors][:count]
        answers = [_answer(row) for row in done]
        random.Random(1).shuffle(answers)
        bad = [_error(name, self.errors[name]) for name in entry["names"] if name in self.errors and count]
        job.update(status=status, error=error, progress=100.0 * (len(done) + len(bad)) / max(1, len(rows)))
        entry["outputs"] = {}
        if answers:
            entry["outputs"]["output_file_id"] = self._store(f"{job['id']}-output", self.rows(answers))
        if bad or self.empty_error_file:
            entry["outputs"]["error_file_id"] = self._store(f"{job['id']}-error", bad)

    def _store(self, file_id: str, rows: list[dict]) -> str:
        data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        self.files[file_id] = {"name": file_id, "purpose": "batch-generated", "data": data}
        return file_id


def _rows(data: bytes) -> tuple[list[dict], str | None]:
    """The rows of an input file and why the service refuses it, if it does."""
    lines = [line for line in data.split(b"\n") if line]
    if len(data) > MAX_BYTES or len(lines) > MAX_LINES or any(len(line) > MAX_LINE for line in lines):
        return [], "error reading input file"
    rows = [json.loads(line) for line in lines]
    if len({row["custom_id"] for row in rows}) < len(rows):
        return [], "duplicate custom_id"
    return rows, None


def _answer(row: dict) -> dict:
    """Deterministic from the request, so that a mixed-up answer shows."""
    said = hashlib.sha256(row["body"]["messages"][-1]["content"].encode()).hexdigest()[:8]
    message = {"role": "assistant", "content": f"answer to {row['custom_id']}: {said}"}
    usage = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {
        "id": "c",
        "object": "chat.completion",
        "model": row["body"]["model"],
        "choices": [choice],
        "usage": usage,
    }
    return {"id": "br_1", "custom_id": row["custom_id"], "response": {"status_code": 200, "body": body}}


def _error(name: str, message: str) -> dict:
    return {"custom_id": name, "error": {"message": message, "code": "invalid_request"}}


def _handler(server: TogetherServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def log_message(self, *args: object) -> None:
            pass

        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            server.requests.append((self.command, path))
            route, run = self._route(path, body)
            with server.lock:
                fault = server.faults[route].pop(0) if server.faults[route] else ""
                executed = not fault or fault.startswith("executed:") or route == "content"
                kind = fault.removeprefix("executed:")
                answer = run() if executed else (500, {"error": "not executed"}, {})
            self._reply(kind, *answer)

        do_GET = do_POST = do_PUT = do_DELETE = do

        def _route(self, path: str, body: bytes) -> tuple[str, Callable[[], tuple[int, Any, dict]]]:
            parts = path.strip("/").split("/")
            if parts[0] == "storage":
                if self.command == "PUT":
                    return "put", lambda: self._put(parts[1], body)
                return "content", lambda: (200, server.files[parts[1]]["data"], {})
            if not (self.headers.get("Authorization") or "").startswith("Bearer k"):
                return "auth", lambda: (401, {"error": {"message": "Invalid API key provided"}}, {})
            match (self.command, parts[1:]):
                case ("POST", ["files"]):
                    form = {name.decode(): value.decode() for name, value in FORM.findall(body)}
                    return "upload", lambda: server.upload(form)
                case ("POST", ["files", file_id, "preprocess"]):
                    return "preprocess", lambda: server.describe(file_id)
                case ("GET", ["files", file_id]):
                    return "file", lambda: server.describe(file_id)
                case ("GET", ["files", file_id, "content"]):
                    there = {"Location": f"{server.url}/storage/{file_id}?X-Amz-Signature=abc"}
                    return "redirect", lambda: (302, "", there)
                case ("POST", ["batches"]):
                    return "create", lambda: server.create(json.loads(body))
                case ("GET", ["batches"]):
                    return "list", server.list
                case ("GET", ["batches", job_id]):
                    return "retrieve", lambda: server.retrieve(job_id)
                case ("POST", ["batches", job_id, "cancel"]):
                    return "cancel", lambda: server.cancel(job_id)
            return "unknown", lambda: (404, {"error": "no such path"}, {})

        def _put(self, file_id: str, body: bytes) -> tuple[int, Any, dict]:
            if self.headers.get("Authorization"):
                return 403, "a signed URL takes no key", {}
            server.files[file_id]["data"] = body
            return 200, "", {}

        def _reply(self, kind: str, status: int, content: Any, headers: dict[str, str]) -> None:
            data = content if isinstance(content, bytes) else content.encode() if isinstance(content, str) else None
            data = json.dumps(content).encode() if data is None else data
            length = None
            if kind == "drop":
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            if kind == "slow":
                server.release.wait(30)
            if kind[:3].isdigit():
                status, _, wait = kind.partition(":")
                status, data, headers = int(status), b'{"error": "the fault you asked for"}', {}
                headers = {"Retry-After": wait} if wait else {}
            if kind == "cut":
                length, data = len(data), data[: len(data) // 2]
                self.close_connection = True
            if kind in ("short", "truncate"):
                data = data[: len(data) // 2]
            if kind in ("html", "empty"):
                status, data = 200, b"<html>log in</html>" if kind == "html" else b"" if status == 200 else b"{}"
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(length or len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


if __name__ == "__main__":
    with TogetherServer(int(sys.argv[1]) if len(sys.argv) > 1 else 0) as by_hand:
        print(f"export TOGETHER_API_KEY=k TOGETHER_BASE_URL={by_hand.url}", flush=True)
        threading.Event().wait()

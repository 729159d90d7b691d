"""What all fake services on loopback share: routes, faults, and an invoice of what was paid for.

A service is a subclass with `routes`: `(method, pattern of the path, verb, name of the handler)`. A handler gets
the Call and returns an Answer. `jobs` is the invoice: a dict for each job that was started, with its custom_ids
under "names".
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from pipeline.testkit.service import Service


class Call(NamedTuple):
    match: re.Match
    query: dict[str, str]
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Answer(NamedTuple):
    status: int
    content: Any = b""  # bytes as they are, anything else as JSON
    headers: dict[str, str] = {}  # noqa: RUF012


class WireServer(Service):
    """`with Server() as server:`; `fault(verb, kind, …)` bends the next calls of a verb of the contract.

    - "500" answers that status, "429:7" with a Retry-After; "drop" closes the connection. Nothing is done; with
      "executed:" before, it is, and the answer is lost.
    - "executed:html", "executed:empty" (`{}`) and "executed:truncate" bend the answer itself.
    - "cut" (the length of the whole, half the bytes), "short" (half, with its own length) and "fewer" (half of the
      lines) bend a download.
    """

    routes: Iterable[tuple[str, str, str, str]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[dict[str, Any]] = []
        self.calls: list[tuple[str, Call]] = []  # verb and call, for comparing with an SDK's
        self.lock = threading.RLock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> WireServer:
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def invoice(self) -> list[list[str]]:
        """The custom_ids of each job that was created, in order."""
        return [job["names"] for job in self.jobs]

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[str, Answer | None]:
        """The verb and the answer; None closes the connection."""
        url = urlsplit(target)
        for wanted, pattern, verb, name in self.routes:
            if wanted == method and (match := re.fullmatch(pattern, url.path)):
                call = Call(match, dict(parse_qsl(url.query)), headers, body)
                with self.lock:
                    self.requests.append((verb, target))
                    self.calls.append((verb, call))
                    return verb, self._bent(self.next_fault(verb), name, call)
        return "", Answer(404, {"error": {"message": f"no route {method} {url.path}"}})

    def _bent(self, fault: str, name: str, call: Call) -> Answer | None:
        kind = fault.removeprefix("executed:")
        if fault and not fault.startswith("executed:") and kind not in ("cut", "short", "fewer"):
            return _refusal(kind)
        answer = getattr(self, name)(call)
        return _twisted(kind, answer) if fault else answer


def _refusal(kind: str) -> Answer | None:
    if kind == "drop":
        return None
    status, _, after = kind.partition(":")
    headers = {"Retry-After": after} if after else {}
    return Answer(int(status), {"error": {"message": f"refused with {status}"}}, headers)


def _twisted(kind: str, answer: Answer) -> Answer | None:
    data = answer.content if isinstance(answer.content, bytes) else json.dumps(answer.content).encode()
    if kind == "html":
        return Answer(200, b"<html>log in</html>", {"Content-Type": "text/html"})
    if kind == "empty":
        return Answer(200, {})
    if kind == "truncate":
        return Answer(answer.status, data[: len(data) // 2], answer.headers)
    if kind == "short":
        return Answer(200, data[: len(data) // 2])
    if kind == "fewer":
        lines = data.splitlines(keepends=True)
        return Answer(200, b"".join(lines[: len(lines) // 2]))
    if kind == "cut":
        return Answer(200, data[: len(data) // 2], {"Content-Length": str(len(data))})
    return _refusal(kind)


def _handler(server: WireServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16

        def log_message(self, *args: object) -> None:
            pass

        def handle_expect_100(self) -> bool:
            done = super().handle_expect_100()
            self.wfile.flush()  # or the client waits for a second before it sends the body
            return done

        def _serve(self) -> None:
            body = self._body()
            _, answer = server.answer(self.command, self.path, self.headers, body)
            if answer is None:
                self.close_connection = True
                return
            self._reply(answer)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        def _reply(self, answer: Answer) -> None:
            content = answer.content
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            headers = {"Content-Type": "application/json", "Content-Length": str(len(data)), **answer.headers}
            self.send_response(answer.status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(data)
            if int(headers["Content-Length"]) > len(data):
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve

    return Handler

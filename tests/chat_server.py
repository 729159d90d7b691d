"""A server on loopback that answers chat completions one at a time, as Ollama or a vLLM server does.

Faults: the verb "start" is a question, "find" is the list of models.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.testkit.wire import Answer, Call, WireServer


class ChatServer(WireServer):
    """`asked` counts the questions that were answered, by the last message; `most` is the most at once."""

    routes = (
        ("POST", r"(?:/v1)?/chat/completions", "start", "complete"),
        ("GET", r"(?:/v1)?/models", "find", "models"),
    )

    def __init__(self, port: int = 0) -> None:
        super().__init__()
        if port:  # the port of a server that was down
            self._http.server_close()
            self._http = type(self._http)(("127.0.0.1", port), self._http.RequestHandlerClass)
            self._http.daemon_threads = True
            self.url = f"http://127.0.0.1:{port}"
        self.key = ""  # wanted in every question, if any
        self.asked: dict[str, int] = {}
        self.now = self.most = 0  # questions in flight
        self.hold: Callable[[], Any] = lambda: None  # called for every question, outside of all locks
        self.raw: bytes | None = None  # the body of every answer, instead of a true one

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[str, Answer | None]:
        if method != "POST":
            return super().answer(method, target, headers, body)
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            self.hold()
            return super().answer(method, target, headers, body)
        finally:
            with self.lock:
                self.now -= 1

    def complete(self, call: Call) -> Answer:
        sent = call.headers.get("Authorization", "")
        if self.key and sent != f"Bearer {self.key}":
            return Answer(401, {"error": {"message": f"{sent!r} is no key of ours", "code": "invalid_api_key"}})
        question = call.json["messages"][-1]["content"].split()[-1]
        if question in self.errors:
            return Answer(400, {"error": {"message": self.errors[question], "code": "bad_request"}})
        self.asked[question] = self.asked.get(question, 0) + 1
        if self.raw is not None:
            return Answer(200, self.raw)
        message = {"role": "assistant", "content": self.text.format(question)}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        return Answer(200, {"model": call.json["model"], "choices": choices, "usage": {"total_tokens": 3}})

    def models(self, call: Call) -> Answer:
        return Answer(200, {"data": []})

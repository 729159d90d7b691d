"""One request and its answer as a line of output: asked again when that may help, and not for ever."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from pipeline.errors import Ambiguous, Busy
from providers.live.pace import Pace
from providers.live.server import ENDPOINT
from providers.wire import openai_chat
from providers.wire.check_answer import safe
from providers.wire.http_client import Http

PATIENCE = (10.0, 1800.0, 60.0, None)  # seconds to connect, read, write, get a connection; long answers are slow
LOOK = (5.0, 30.0, 30.0, None)
AGAIN = (408, 409, 425, 429)  # and all from 500 on
DOWN = (502, 503, 504)  # what stands before a server that is down, or loads its model
OWN = (400, 413, 422)  # the request's own fault
MOST_LOST = 3  # answers lost on the way: the server may have charged each
MOST_REFUSED = 8  # refusals that may pass
MOST_STREAK = 10
FIRST, LONGEST = 1.0, 60.0  # seconds; the pauses of our own
LONGEST_HOLD = 3600.0  # seconds; a Retry-After is believed up to here
WORTH_SAYING = 30.0  # seconds


class Asker:
    """Asks for all threads of a job. `say` tells whoever polls why nothing gets on, and takes it back with ""."""

    def __init__(
        self, http: Http, pace: Pace, say: Callable[[str], None], today: Callable[[], float] = time.time
    ) -> None:
        self.http, self.pace, self.say, self.today = http, pace, say, today
        self.hopeless = ""  # why going on would only burn requests
        self._heard = 0  # answers and refusals so far: signs that the server is up
        self._streak = 0  # requests in a row that failed for no reason of their own
        self._looking, self._counting = threading.Lock(), threading.Lock()

    def ask(self, custom_id: str, body: Mapping[str, Any]) -> bytes | None:
        """The line for this request; None if the job shall end before there is one."""
        lost = refused = 0
        while self.pace.turn():
            heard = self._heard
            try:
                response = self._send(body)
            except (Busy, Ambiguous) as trouble:
                lost += isinstance(trouble, Ambiguous)
                if lost == MOST_LOST:
                    return self._failed(custom_id, f"{trouble}; {lost} answers were lost", "connection_lost")
                on = self._back(str(trouble), heard)
            else:
                refused += 1
                if not _may_pass(response.status_code) or refused == MOST_REFUSED:
                    return self._line(custom_id, response)
                on = self._wait(response, refused, heard)
            if not on:
                return None
        return None

    def _send(self, body: Mapping[str, Any]) -> Any:
        response = self.http.once("ask", "POST", ENDPOINT, content=orjson.dumps(body), timeout=PATIENCE)
        self._heard += response.status_code not in DOWN
        return response

    def _line(self, custom_id: str, response: Any) -> bytes:
        content = _one_line(response.content) if response.status_code == 200 else None
        if content is None:
            return self._failed(custom_id, *self._reason(response), own=response.status_code in OWN)
        self._count(failed=False)
        if not self.pace.held:
            self.say("")
        return b'{"custom_id":%b,"response":{"status_code":200,"body":%b}}' % (orjson.dumps(custom_id), content)

    def _failed(self, custom_id: str, message: str, code: str, own: bool = False) -> bytes:
        if not own:
            self._count(failed=True, why=message)
        return orjson.dumps({"custom_id": custom_id, "error": {"message": message, "code": code}})

    def _count(self, failed: bool, why: str = "") -> None:
        with self._counting:
            self._streak = self._streak + 1 if failed else 0
            if self._streak == MOST_STREAK:
                self.hopeless = (
                    f"{MOST_STREAK} requests in a row failed, so the rest was not asked; the last: {why}"
                )

    def _reason(self, response: Any) -> tuple[str, str]:
        """Why there is no answer, in the server's own words, and its code for it."""
        try:
            body = orjson.loads(response.content)
        except ValueError:
            body = f"what came is not JSON: {response.text[:300]}"
        told = {"response": {"status_code": response.status_code, "body": body}}
        error = openai_chat.decode(orjson.dumps(told)).error or {}
        message = safe(error.get("message"), self.http.secret)
        return f"{message} ({response.status_code})", safe(error.get("code"), self.http.secret)

    def _wait(self, response: Any, refused: int, heard: int) -> bool:
        """As long as the server says, and longer each time. Too many requests are every thread's matter."""
        told = _retry_after(response.headers, self.today())
        pause = max(told or 0.0, min(2.0**refused, LONGEST))
        why = self._reason(response)[0]
        if pause >= WORTH_SAYING:
            self.say(f"{self.http.base} refuses for now, the next try is in {pause:,.0f} s: {why}")
        if response.status_code == 429 or told is not None:
            self.pace.hold(pause)
        if not self.pace.pause(pause):
            return False
        return response.status_code not in DOWN or self._back(why, heard)

    def _back(self, why: str, heard: int) -> bool:
        """Wait until the server answers anything. One thread looks, for all; looking costs nothing."""
        with self._looking:
            pause = FIRST
            while self._heard == heard:
                self.say(f"{self.http.base} does not answer ({why}); the job goes on when it does")
                if not self.pace.pause(pause):
                    return False
                self._look()
                pause = min(pause * 2, LONGEST)
        return True

    def _look(self) -> None:
        try:
            response = self.http.once("look", "GET", "/models", timeout=LOOK)
        except (Busy, Ambiguous):
            return
        if response.status_code not in DOWN:
            self._heard += 1
            self.say("")


def _may_pass(status: int) -> bool:
    return status in AGAIN or status >= 500


def _one_line(content: bytes) -> bytes | None:
    """A JSON object as it came, less line ends, which can only stand between its parts; None for anything else."""
    try:
        whole = isinstance(json.loads(content.decode("utf-8", "replace")), dict)
    except (ValueError, RecursionError):
        return None
    return content.replace(b"\r", b" ").replace(b"\n", b" ") if whole else None


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds, from a number of them or from a date."""
    words = headers.get("retry-after", "").strip()
    try:
        seconds = float(words)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(words).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 0.0), LONGEST_HOLD) if math.isfinite(seconds) else None

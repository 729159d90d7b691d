"""HTTP as a client that may pay needs it: one call is one request, and each failure says what is certain.

Nothing of a key is ever printed: it comes from the environment, is checked before it is sent, and is cut out
of whatever a service says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, cached_property
from typing import Any
from urllib.parse import urlsplit

import orjson

from pipeline.errors import Ambiguous, Busy, PipelineError, Rejected, Unlisted
from providers.wire.check_answer import identifier, record, safe
from providers.wire.key_and_address import LOOPBACK, account, address, key

# A plugin takes all of these from here.
__all__ = [
    "AT_ONCE", "CERTAIN", "CHUNK", "LOOPBACK", "NEVER_SENT", "NO_LIST", "TIMEOUT",
    "Http", "Missing", "account", "address", "identifier", "key", "record", "safe",
]  # fmt: skip

TIMEOUT = 120.0  # seconds; a start that is answered later is a start whose job must be looked for
AT_ONCE = 600.0  # seconds; a long answer takes minutes
CHUNK = 1 << 20  # bytes
# Nothing was created; every other refusal of a start is in doubt.
CERTAIN = (400, 401, 402, 403, 404, 405, 410, 411, 413, 414, 415, 422, 431, 451, 501)
NO_LIST = (404, 405, 501)  # as an answer to a list of jobs
NEVER_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "LocalProtocolError", "UnsupportedProtocol")


class Missing(Rejected):
    """The service answers 404."""


class Http:
    """A service at `base`, asked with these headers; `secret` is cut out of all that is printed.

    With `redirects` a download may come from elsewhere, without the key.
    """

    def __init__(self, base: str, headers: Mapping[str, str], secret: str = "", redirects: bool = False) -> None:
        self.base, self.secret = base, secret
        self._headers, self._redirects = dict(headers), redirects

    def ask(self, what: str, method: str, path: str, **how: Any) -> Any:
        """The JSON that answers a call which is safe to repeat. Raises Missing, Rejected or Busy."""
        return _json(what, self.send(what, method, path, **how).content)

    def list(self, path: str, **how: Any) -> Any:
        """As `ask`, for a list of jobs. Raises Unlisted where there is none."""
        return _json("list", self.listing(path, **how).content)

    def listing(self, path: str, **how: Any) -> Any:
        """As `list`; the response itself."""
        with self._speaking("list"):
            response = self._client.get(self.base + path, **how)
        if response.status_code in NO_LIST:
            raise Unlisted(self._refusal("list", response))
        self._check("list", response)
        return response

    def send(self, what: str, method: str, path: str, **how: Any) -> Any:
        """As `ask`; the response itself."""
        with self._speaking(what):
            response = self._client.request(method, self.base + path, **how)
        self._check(what, response)
        return response

    def start(self, path: str, what: str = "start", **how: Any) -> Any:
        """The JSON that answers a POST which may pay, sent once. What is not certain is Ambiguous."""
        response = self.once(what, "POST", path, **how)
        if response.is_success:
            try:
                return _json(what, response.content)
            except Busy as error:
                raise Ambiguous(str(error)) from None
        if response.status_code in (*CERTAIN, 429):
            self._check(what, response)
        # One that sends us elsewhere would have done so with the upload: who knows what it did.
        raise Ambiguous(self._refusal(what, response))

    def once(self, what: str, method: str, path: str, **how: Any) -> Any:
        """The response, whatever its status. Raises Busy if nothing was sent, Ambiguous if the answer was lost."""
        client = self._client  # a client that cannot be made is refused before anything is in doubt
        try:
            return client.request(method, self.base + path, **how)
        except Exception as error:
            kind = Busy if type(error).__name__ in NEVER_SENT else Ambiguous
            raise kind(self._trouble(what, error)) from None

    @contextmanager
    def open(self, what: str, path: str) -> Iterator[Iterator[bytes]]:
        """The content of a file as chunks; the connection is closed when the block is left."""
        # Uncompressed, so that a cut shows: a cut gzip stream looks whole to the HTTP library.
        plain = {"Accept-Encoding": "identity"}
        how = {"headers": plain, "follow_redirects": self._redirects}
        with self._speaking(what), self._client.stream("GET", self.base + path, **how) as response:
            if not response.is_success:
                response.read()
                self._check(what, response)
            yield self._chunks(what, response)

    @cached_property
    def _client(self) -> Any:
        import logging

        import httpx

        # At INFO it prints every URL, and those of storage carry a signature.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        # A proxy for the outside knows no server on this machine.
        outside = urlsplit(self.base).hostname not in LOOPBACK
        how = {"timeout": TIMEOUT, "trust_env": outside}
        return httpx.Client(headers=self._headers, verify=_trusted(), **how)

    def _chunks(self, what: str, response: Any) -> Iterator[bytes]:
        with self._speaking(what):
            yield from response.iter_bytes(CHUNK)

    @contextmanager
    def _speaking(self, what: str) -> Iterator[None]:
        try:
            yield
        except (PipelineError, OSError):
            raise
        except Exception as error:  # the HTTP library's own
            raise Busy(self._trouble(what, error)) from None

    def _check(self, what: str, response: Any) -> None:
        """Raise what a refusal means for a call that is safe to repeat."""
        if response.is_success:
            return
        if response.status_code == 404:
            raise Missing(self._refusal(what, response))
        if response.has_redirect_location:  # only a download follows one: a call that was moved would be two
            raise Rejected(f"{what}: the address has moved ({response.status_code}); set the one that it moved to")
        if response.status_code in CERTAIN:
            raise Rejected(self._refusal(what, response))
        after = response.headers.get("retry-after", "")
        raise Busy(self._refusal(what, response), float(after) if after.isdecimal() else None)

    def _refusal(self, what: str, response: Any) -> str:
        """One line in the service's own words."""
        try:
            body = orjson.loads(response.content)
        except ValueError:
            body = response.text[:300]
        reason = body.get("error", body) if isinstance(body, dict) else body
        if isinstance(reason, dict):
            reason = reason.get("message") or reason
        return f"{what}: {safe(reason or 'no reason given', self.secret)} ({response.status_code})"

    def _trouble(self, what: str, error: Exception) -> str:
        return f"{what}: {type(error).__name__}: {safe(error, self.secret)}"


@cache
def _trusted() -> Any:
    """The certificates that are trusted; reading them takes longer than a call on loopback."""
    import httpx

    return httpx.create_ssl_context()


def _json(what: str, content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except ValueError:
        raise Busy(f"{what}: the answer is not JSON") from None

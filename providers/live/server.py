"""The server and how hard it may be asked, as the environment says."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from pipeline.errors import Rejected
from providers.wire.http_client import Http
from providers.wire.key_and_address import address, key

ENDPOINT = "/chat/completions"
NAME = re.compile(r"[A-Z][A-Z0-9_]*")
CONCURRENCY = 4  # what Ollama and llama-server take without queueing
MOST_CONCURRENCY = 100  # connections that the HTTP client holds open


@dataclass(frozen=True)
class Server:
    """`root` + /chat/completions answers; `key_env` names the variable that holds the key, "" if there is none."""

    root: str
    key_env: str

    def key(self) -> str:
        """The key, or "" for a server that wants none. Raises Rejected."""
        return key(self.key_env) if self.key_env else ""

    def http(self) -> Http:
        secret = self.key()
        headers = {"Content-Type": "application/json"}
        return Http(self.root, headers | ({"Authorization": f"Bearer {secret}"} if secret else {}), secret)

    def written(self) -> dict[str, str]:
        return asdict(self)


def written(fields: dict[str, str]) -> Server:
    """The server that a job was started with."""
    return Server(**fields)


def configured() -> Server:
    """What BASE_URL and KEY_ENV say. Raises Rejected."""
    name = os.environ.get("KEY_ENV", "").strip()
    if name and not NAME.fullmatch(name):  # it may be the key itself, so it is not repeated
        raise Rejected("KEY_ENV must be the name of the variable that holds the key, as OPENAI_API_KEY")
    return Server(_root(os.environ.get("BASE_URL", ""), bool(name)), name)


def _root(value: str, keyed: bool) -> str:
    """A host alone gets /v1; a path is taken as it is, with or without the endpoint at its end."""
    if not value.strip():
        raise Rejected("no server: set BASE_URL, as BASE_URL=http://127.0.0.1:11434/v1 for Ollama")
    try:
        url = address("BASE_URL", value, keyed)
        _ = urlsplit(url).port
    except ValueError:
        raise Rejected("BASE_URL is no usable URL; set it to http://host:port/v1") from None
    if url.endswith(ENDPOINT):
        return url.removesuffix(ENDPOINT)
    return url if url.count("/") > 2 else f"{url}/v1"


def concurrency() -> int:
    """LIVE_CONCURRENCY: how many requests are in flight at most. Raises Rejected."""
    return _number("LIVE_CONCURRENCY", MOST_CONCURRENCY) or CONCURRENCY


def rpm() -> int | None:
    """LIVE_RPM: how many requests are sent a minute at most. Raises Rejected."""
    return _number("LIVE_RPM", 1_000_000)


def _number(name: str, most: int) -> int | None:
    words = os.environ.get(name, "").strip()
    if words and not (words.isdecimal() and words.isascii() and len(words) < 9 and 1 <= int(words) <= most):
        raise Rejected(f"{name} must be a whole number from 1 to {most:,}")
    return int(words) if words else None

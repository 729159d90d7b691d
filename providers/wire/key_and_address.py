"""The key and the address of a service, as the environment has them: looked at before anything is sent."""

from __future__ import annotations

import hashlib
import os
from urllib.parse import urlsplit

from pipeline.errors import Rejected
from pipeline.provider import Account

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def key(name: str) -> str:
    """The key in the variable of that name, stripped. Raises Rejected, with the name and nothing of the key."""
    value = os.environ.get(name, "").strip()
    if not value:
        raise Rejected(f"no key: set {name} in the environment (`export {name}=…`), or use PROVIDER=local")
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise Rejected(f"{name} ({len(value)} characters) holds characters that no key has; set it again")
    return value


def account(url: str, secret: str) -> Account:
    """The account behind an address and a key: of both there is no more in it than a hash, and the host."""
    parts = urlsplit(url)
    known = hashlib.sha256(f"{url.rstrip('/')}\n{secret}".encode()).hexdigest()[:12]
    port = f":{parts.port}" if parts.port else ""
    return Account(f"{parts.scheme}://{parts.hostname}{port}", known)


def address(name: str, value: str, keyed: bool = True) -> str:
    """A base URL without a slash at its end; `name` is the variable that holds it. Raises Rejected."""
    url = value.strip().rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise Rejected(f"{name} is no usable URL; set it to https://host")
    if keyed and parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise Rejected(f"{name} would send the key unencrypted; use https")
    return url

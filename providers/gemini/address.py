"""Where Gemini's API is, and which version of it is spoken."""

from __future__ import annotations

import os

from providers.wire.key_and_address import address

BASE_URL = "GEMINI_BASE_URL"
HOST = "https://generativelanguage.googleapis.com"
API = "/v1beta"


def base_url() -> str:
    """GEMINI_BASE_URL, with or without the version at its end; Google's own if it is not set."""
    url = os.environ.get(BASE_URL, "").strip().rstrip("/").removesuffix(API)
    return address(BASE_URL, url or HOST)

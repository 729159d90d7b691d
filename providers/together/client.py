"""The SDK's client, with its key and address out of the environment."""

from __future__ import annotations

import logging
import os
from typing import Any

from providers.wire.key_and_address import address, key

KEY = "TOGETHER_API_KEY"
BASE_URL = "TOGETHER_BASE_URL"
ADDRESS = "https://api.together.ai"  # where jobs are by default, whatever host another SDK prefers


def connected() -> tuple[Any, Any]:
    """The SDK's client, and the HTTP client below it. It never retries: one call is one request."""
    secret, url = key(KEY), base_url()
    import together

    # At INFO httpx prints every URL, and those of storage carry a signature.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    http = together.DefaultHttpxClient()
    return together.Together(api_key=secret, base_url=url, max_retries=0, http_client=http), http


def base_url() -> str | None:
    """TOGETHER_BASE_URL in the form that SDK 3.x wants (without /v1); None for the SDK's own default."""
    url = os.environ.get(BASE_URL, "").strip().rstrip("/").removesuffix("/v1")
    if not url:
        os.environ.pop(BASE_URL, None)  # the SDK takes an empty one literally
        return None
    return address(BASE_URL, url)

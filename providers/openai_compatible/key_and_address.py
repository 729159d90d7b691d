"""Where requests for a row of the table go, and which variable has their key."""

from __future__ import annotations

import os
import re

from pipeline.errors import Rejected
from providers.openai_compatible.services import Service
from providers.wire.key_and_address import address

VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")


def url(service: Service, keyed: bool) -> str:
    """The row's own address unless a variable has another: BASE_URL is for rows that have none."""
    variable = f"{re.sub('[^A-Z0-9]', '_', service.name.upper())}_BASE_URL"
    names = [variable] if service.url else [variable, "BASE_URL"]
    set_to = [(name, os.environ[name]) for name in names if os.environ.get(name, "").strip()]
    if not set_to and not service.url:
        raise Rejected(f"no address: set BASE_URL, as in BASE_URL=https://host/v1 (PROVIDER={service.name})")
    return address(*(set_to[0] if set_to else (variable, service.url)), keyed)


def key_name(service: Service) -> str:
    """The variable that holds the key; "" if none is sent."""
    name = service.key or os.environ.get("KEY_ENV", "").strip()
    if name and not VARIABLE.fullmatch(name):  # not shown: it may be the key itself
        raise Rejected("KEY_ENV must be the NAME of the variable that holds the key, like MY_API_KEY")
    return name

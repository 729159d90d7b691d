"""HTML's entities, where they are whole: `&lt;` is one, and `?a=1&lt=3` is an address."""

from __future__ import annotations

import re
from html import unescape

ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def decoded(text: str) -> str:
    """The text with each entity as the character that it stands for."""
    return ENTITY.sub(lambda entity: unescape(entity[0]), text) if "&" in text else text

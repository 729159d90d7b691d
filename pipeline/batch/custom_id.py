"""custom_ids: `talk-7`; where there are several prompts `talk-7.topics`; of a part `talk-7.p03`.

What stands for the transcript has no dot, so no two of these can be one.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

MOST = 64  # characters that every service takes
FITS = re.compile(r"[A-Za-z0-9_-]+")
HASH = 12
PART = re.compile(r"\.(?:r(\d+))?p\d+\Z")


def stem(name: str, room: int = MOST) -> str:
    """The transcript's id itself where it fits; else a readable slug and a hash of it, `room` at most."""
    if len(name) <= room and FITS.fullmatch(name):
        return name
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-")[: room - HASH - 1].rstrip("-")
    return "-".join(filter(None, [slug, hashlib.sha256(name.encode()).hexdigest()[:HASH]]))


def custom_id(*words: str) -> str:
    """Of a stem, and what comes after it."""
    return ".".join(filter(None, words))


def whole(custom_id: str) -> str:
    """Without the part: what the result of all parts is called."""
    return PART.sub("", custom_id)


def rounded(custom_id: str) -> int:
    """The round that a request is of, if it combines some of the answers: 2 or more; else 0."""
    found = PART.search(custom_id)
    return int(found[1] or 0) if found else 0


def transcript(custom_id: str) -> str:
    """The stem: equal for all requests of one transcript."""
    return custom_id.partition(".")[0]


def prompt(custom_id: str) -> str:
    """The name of the prompt, in a batch that has several; "" if there is none."""
    return custom_id.partition(".")[2].partition(".")[0]

"""The stage `batch`: transcripts in, one request a line out."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import Path
from typing import Any

import orjson

import schemas
from pipeline import transcripts
from pipeline.files import atomic, escape
from pipeline.prompt import Prompt
from pipeline.validate import Faults, blame
from pipeline.workspace import Workspace

FITS = re.compile(r"[A-Za-z0-9_-]{1,64}")
CARRIED = ("title", "show", "published", "metadata")  # what results take over from the transcript


def batch(ws: Workspace, inputs: list[Path], prompt: Prompt) -> int:
    """Write batch.jsonl, and index.jsonl beside it: what the results carry over. Returns the requests.

    Every line of input is checked before anything is published; raises InputError with all faults.
    """
    faults, seen = Faults(), {}  # seen: custom_id -> where it stands
    with atomic(ws.batch) as requests, atomic(ws.index) as index:
        for where, transcript in transcripts.read(inputs, faults):
            name = custom_id(transcript["id"])
            if name in seen:
                faults.add(where, f"$.id: {transcript['id']!r} is also the id at {seen[name]}")
                continue
            seen[name] = where
            request = {"custom_id": name, "body": prompt.body(transcript)}
            if not schemas.is_valid("request")(request):
                blame(ws.batch, len(seen), schemas.faults("request", request), faults)
            requests.write(escape(orjson.dumps(request)))
            requests.write(b"\n")
            index.write(orjson.dumps(_carried(name, transcript)))
            index.write(b"\n")
        faults.check("mend the input and run `make batch` again")
    return len(seen)


def custom_id(name: str) -> str:
    """The id itself where every service takes it; else a readable slug and a hash of it, 64 at most."""
    if FITS.fullmatch(name):
        return name
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-")[:51].rstrip("-")
    return "-".join(filter(None, [slug, hashlib.sha256(name.encode()).hexdigest()[:12]]))


def _carried(name: str, transcript: dict[str, Any]) -> dict[str, Any]:
    return {"id": transcript["id"], "custom_id": name, **{key: transcript.get(key) for key in CARRIED}}

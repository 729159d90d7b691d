"""The stage `batch`: transcripts in, one request a line out."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable
from typing import Any

import orjson

import schemas
from pipeline.errors import InputError
from pipeline.files import atomic, escape, write_json
from pipeline.ids import Ids
from pipeline.notices import Notices
from pipeline.prompt import Prompt
from pipeline.validate import Faults, blame, records
from pipeline.workspace import Workspace

BYTES_PER_TOKEN = 4  # of English with tokenizers of today; a warning needs no more
FITS = re.compile(r"[A-Za-z0-9_-]{1,64}")
CARRIED = ("title", "show", "published", "metadata")  # what results take over from the transcript


def batch(
    ws: Workspace,
    prompt: Prompt,
    context: int | None = None,
    verbose: bool = False,
    say: Callable[[str], None] = print,
) -> int:
    """Write batch.jsonl, and index.jsonl beside it: what the results carry over. Returns the requests.

    `context` is the model's window in tokens; what is likely not to fit is warned of. Raises InputError with
    all faults of transcripts.jsonl, and publishes nothing then.
    """
    if not ws.transcripts.exists():
        raise InputError(f"{ws.transcripts}: no such file; run `make transcripts TRANSCRIPTS=…`")
    faults, notices, seen, count = Faults(), Notices(say, verbose), Ids(), 0
    with atomic(ws.batch) as requests, atomic(ws.index) as index:
        write_json(ws.answer, prompt.answer.schema if prompt.answer else None)
        for number, transcript in records(ws.transcripts, "transcript", faults):
            where = f"{ws.transcripts}:{number}"
            name = custom_id(transcript["id"])
            if before := seen.first(name, where):
                faults.add(where, f"$.id: {transcript['id']!r} is also the id at {before}")
                continue
            count += 1
            request = {"custom_id": name, "body": prompt.body(transcript)}
            if not schemas.is_valid("request")(request):
                blame(ws.batch, count, schemas.faults("request", request), faults)
            line = escape(orjson.dumps(request))
            if context and (tokens := len(line) // BYTES_PER_TOKEN + prompt.max_tokens) > context:
                notices.add("window", transcript["id"], _too_long(line, tokens, prompt.model, context))
            requests.write(line + b"\n")
            index.write(orjson.dumps(_carried(name, transcript)) + b"\n")
        faults.check("mend the input and run `make batch` again")
    notices.close()
    return count


def _too_long(line: bytes, tokens: int, model: str, context: int) -> str:
    return f"{len(line) / 1000:,.0f} KB, about {tokens:,} tokens with the answer; {model} takes {context:,}"


def custom_id(name: str) -> str:
    """The id itself where every service takes it; else a readable slug and a hash of it, 64 at most."""
    if FITS.fullmatch(name):
        return name
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-")[:51].rstrip("-")
    return "-".join(filter(None, [slug, hashlib.sha256(name.encode()).hexdigest()[:12]]))


def _carried(name: str, transcript: dict[str, Any]) -> dict[str, Any]:
    return {"id": transcript["id"], "custom_id": name, **{key: transcript.get(key) for key in CARRIED}}

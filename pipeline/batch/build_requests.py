"""The stage `batch`: transcripts in, one request a line out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pipeline.base.atomic_files import atomic
from pipeline.base.records import records
from pipeline.base.warning_limit import Notices
from pipeline.base.workspace import Workspace
from pipeline.batch.made_from import made
from pipeline.batch.one_transcript import Pair, requests
from pipeline.batch.prompt import Prompt
from pipeline.batch.saved_prompts import Prompts
from pipeline.batch.sent_before import Before
from pipeline.batch.whole_requests import pair, prompt_of
from pipeline.batch.write_requests import Writer
from pipeline.errors import InputError, TooLong
from pipeline.provider import Provider


def batch(
    ws: Workspace,
    provider: Provider,
    asked: Sequence[Prompt],
    before: Before,
    overlap: int | None = None,
    verbose: bool = False,
    say: Callable[[str], None] = print,
) -> int:
    """Write batch.jsonl, and index.jsonl beside it: what each request is of. Returns how many there are.

    What was sent `before` stands as it was sent, if it was made from the same; all else is made anew. `overlap` is
    how many tokens a part of a long transcript repeats of the one before. Raises InputError with all faults of
    transcripts.jsonl, those that are too long among them, and publishes nothing then.
    """
    if not ws.transcripts.exists():
        raise InputError(f"{ws.transcripts}: no such file; run `make transcripts TRANSCRIPTS=…`")
    whole = prompt_of(ws)
    several, notices = Prompts((whole,) if whole else tuple(asked)), Notices(say, verbose)
    asks = [made(prompt, overlap) for prompt in several]

    def made_of(transcript: dict[str, Any]) -> list[Pair]:
        if bool(whole) != ("request" in transcript):
            raise InputError(f"{transcript['id']}: whole requests and transcripts are for two runs, not for one")
        return [pair(transcript)] if whole else list(requests(transcript, several, asks, provider, before))

    with atomic(ws.batch) as stream, atomic(ws.index) as index:
        out = Writer(ws, stream, index, notices)
        for number, transcript in records(ws.transcripts, "transcript", out.faults):
            try:
                out.add(number, transcript, made_of(transcript))
            except TooLong as error:
                out.refuse(number, transcript, error)
        out.end()
        several.save(ws)
    notices.close()
    return out.count

"""A batch of requests that a person made whole: no prompt of ours, and each body as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pipeline.base.lines import rows
from pipeline.base.workspace import Workspace
from pipeline.batch import custom_id
from pipeline.batch.made_from import Made, source
from pipeline.batch.prompt import Prompt
from pipeline.batch.request_index import CARRIED

ASKED = "request"  # in place of a prompt's hash


def prompt_of(ws: Workspace) -> Prompt | None:
    """What stands for a prompt where transcripts.jsonl holds whole requests; None where it does not."""
    if not ws.transcripts.exists():
        return None
    body = next(rows(ws.transcripts), {}).get("request")
    return Prompt(body["model"], max_tokens=body["max_tokens"]) if body else None


def pair(record: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The request, and its row of the index. An id that might be one of ours is on the wire alone; one that is too
    long for services is in the results alone."""
    body, name = record["request"], record["id"]
    own = custom_id.stem(name)
    wire = {"as": name} if own != name and len(name) <= custom_id.MOST else {}
    request = {"custom_id": own, **wire, "body": body}
    made = Made(source(record), ASKED, body["model"], "refuse", body["max_tokens"], None, None)
    row = {"id": name, "custom_id": own, "whole": own, "prompt": None, "part": None, "made": asdict(made)}
    return request, row | {key: record.get(key) for key in CARRIED}


def named_by(carried: Mapping[str, Any], name: str) -> str:
    """The custom_id for the result of a request of that name: a person's own, if the request was theirs."""
    return carried["id"] if carried.get("made", {}).get("asked") == ASKED else name


def sent_as(request: dict[str, Any]) -> dict[str, Any]:
    """The request under the custom_id that it has on the wire."""
    return {"custom_id": request.get("as", request["custom_id"]), "body": request["body"]}

"""round.jsonl is what `results` made of the answers: a hash beside it tells whether anybody changed it since."""

from __future__ import annotations

from pathlib import Path

from pipeline.base.atomic_files import sha256, write_json
from pipeline.base.workspace import Workspace
from pipeline.errors import DamagedError


def seal(ws: Workspace, part: Path) -> None:
    """Write down what the round is to be before it appears, beside what it is: a crash leaves that one."""
    if part.stat().st_size or ws.seal.exists():
        now = [sha256(ws.round)] if ws.round.exists() and _whole(ws) else []
        write_json(ws.seal, {"sha256": [sha256(part), *now]})


def check(ws: Workspace) -> None:
    """Raises DamagedError for a round that was changed. One of an older release has no hash."""
    if ws.round.exists() and not _whole(ws):
        raise DamagedError(f"{ws.round} is not what `make results` made of the answers; run `make results` again")


def _whole(ws: Workspace) -> bool:
    return not ws.seal.exists() or f'"{sha256(ws.round)}"' in ws.seal.read_text("utf-8")

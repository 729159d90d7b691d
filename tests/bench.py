"""Speed and memory of each stage, as ratios in one run: `make bench`.

S is 298 transcripts of 80 KB, M is 50,000 of 2 KB. CPU seconds are user and system of the whole process; the
ratio is to the sha256 of the same bytes, measured beside it.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson

ROOT = Path(__file__).parent.parent
WORDS = ("the", "of", "and", "a", "to", "in", "he", "have", "it", "that", "for", "they", "with", "as", "not", "she")
CASES = {"S": (298, 80_000), "S x 10": (2_980, 80_000), "M": (50_000, 2_000)}


def main() -> None:
    print(f"{'':<22}{'CPU s':>8}{'x sha256':>10}{'MB':>7}")
    row("--help", ["--help"])
    for name, (count, size) in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            corpus(Path("talks.jsonl"), count, size)
            floor = sha256(Path("talks.jsonl"))
            row(f"{name}: batch", ["batch", "talks.jsonl", "--model", "m"], floor)
            if name == "M":
                results(floor)
            os.chdir(ROOT)


def results(floor: float) -> None:
    """The merge of 50,000 answers that came back in another order; then what costs nothing."""
    code = "from tests.bench import ended; ended()"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    os.environ["TOGETHER_API_KEY"] = "k"
    row("M: submit, no news", ["submit", "--no-new-jobs"], floor)
    row("M: results", ["results"], floor)
    row("M: status", ["status"], floor)


def ended() -> None:
    """A ledger in which every job has ended, made without a service."""
    from pipeline import shards
    from pipeline.ledger import Ledger
    from pipeline.submit import _lines, _survey
    from pipeline.workspace import Workspace
    from providers.together import Together

    ws, provider = Workspace.of("default", "together"), Together()
    ledger = Ledger(ws)
    todo = _survey(ledger, provider, False).pending
    for receipt in shards.write(ledger, "together", _lines(ws, provider, todo), provider.limits("m")):
        rows = [answer(json.loads(line)["custom_id"]) for line in ledger.lines(receipt)]
        random.Random(1).shuffle(rows)
        data = b"".join(rows)
        ws.outputs.mkdir(exist_ok=True)
        ledger.output(receipt).write_bytes(data)
        output = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        ledger.save(receipt, state="completed", ref={"id": receipt.shard}, ended=time.time(), output=output)


def answer(name: str) -> bytes:
    message = {"role": "assistant", "content": " ".join(WORDS * 4)}
    usage = {"prompt_tokens": 500, "completion_tokens": 100, "total_tokens": 600}
    body = {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    return (
        orjson.dumps({"custom_id": name, "response": {"status_code": 200, "body": body | {"usage": usage}}}) + b"\n"
    )


def corpus(path: Path, count: int, size: int) -> None:
    rng = random.Random(1)
    with path.open("wb") as stream:
        for number in range(count):
            text = " ".join(rng.choices(WORDS, k=size // 4))[:size]
            stream.write(
                orjson.dumps({"id": f"talk-{number:06d}", "title": f"Talk {number}", "text": text}) + b"\n"
            )


def sha256(path: Path) -> float:
    """CPU seconds to hash the file: the floor that each ratio is to."""
    began, whole = time.process_time(), hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):  # in pieces: a child's peak memory starts at its parent's
            whole.update(chunk)
    return time.process_time() - began


def row(name: str, words: list[str], floor: float | None = None) -> None:
    """The median of three runs of a command."""
    runs = sorted(measure(words) for _ in range(3))
    seconds, peak = runs[1]
    print(f"{name:<22}{seconds:>8.2f}{f'{seconds / floor:.1f}' if floor else '':>10}{peak:>7.0f}", flush=True)


def measure(words: list[str]) -> tuple[float, float]:
    """CPU seconds and peak memory in MB of one run."""
    with Path(os.devnull).open("wb") as nowhere:
        child = subprocess.Popen(
            [sys.executable, "-m", "pipeline", *words], stdout=nowhere, env=os.environ | {"PYTHONPATH": str(ROOT)}
        )
        _, status, usage = os.wait4(child.pid, 0)
    assert status == 0, words
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()

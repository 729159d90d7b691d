"""Speed and memory of each stage, as ratios in one run: `make bench`.

S is 298 transcripts of 80 KB, M is 50,000 of 2 KB, and the captions are SRT and WebVTT of 600 cues each. CPU
seconds are user and system of the whole process; the ratio is to the sha256 of the same bytes, measured beside it.
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
    print(f"{'':<26}{'CPU s':>8}{'wall s':>8}{'x sha256':>10}{'MB/s':>8}{'peak MB':>9}")
    row("--help", ["--help"])
    captions()
    for name, (count, size) in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            corpus(Path("talks.jsonl"), count, size)
            floor = sha256(Path("talks.jsonl"))
            size = Path("talks.jsonl").stat().st_size
            row(f"{name}: transcripts", ["transcripts", "talks.jsonl"], floor, size)
            row(f"{name}: batch", ["batch", "--model", "m"], floor, size)
            if name == "M":
                results(floor)
            os.chdir(ROOT)


def captions() -> None:
    """Folders of caption files, by one process and by two; ten times as many files for the memory."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, count in (("captions", 100), ("captions x 10", 1000)):
            size = caption_files(Path(name), count)
            floor = sum(sha256(path) for path in Path(name).iterdir())
            for workers in ("1", "2"):
                words = ["transcripts", name, "--workers", workers]
                row(f"{name}: {workers} process{'es' * (workers > '1')}", words, floor, size)
        os.chdir(ROOT)


def caption_files(folder: Path, count: int) -> int:
    """SRT and WebVTT by turns, one in four with voices; returns the bytes of all."""
    rng = random.Random(1)
    folder.mkdir()
    for number in range(count):
        srt, voices, cues, time = number % 2, number % 4 == 2, [], 0
        for index in range(1, 601):
            end = time + rng.randint(1500, 7000)
            words = " ".join(rng.choices(WORDS, k=rng.randint(14, 28)))
            words = f"<v {rng.choice(('Lena', 'Otto'))}>{words}</v>" if voices else words
            head = f"{index}\n" if srt else ""
            cues.append(f"{head}{clock(time, srt)} --> {clock(end, srt)}\n{words}\n\n")
            time = end
        path = folder / f"talk-{number:05d}.{'srt' if srt else 'vtt'}"
        path.write_text(("" if srt else "WEBVTT\n\n") + "".join(cues))
    return sum(path.stat().st_size for path in folder.iterdir())


def clock(ms: int, comma: int) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{'.,'[comma]}{ms:03}"


def results(floor: float) -> None:
    """The merge of 50,000 answers that came back in another order; then what costs nothing."""
    code = "from tests.bench import ended; ended()"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    os.environ["TOGETHER_API_KEY"] = "k"
    row("M: submit, no news", ["submit", "--no-new-jobs"], floor)
    row("M: results", ["results"], floor)
    row("M: plan", ["plan", "--price-in", "1", "--price-out", "1", "--retry"], floor)
    row("M: status", ["status"], floor)


def ended() -> None:
    """A ledger in which every job has ended, made without a service."""
    from pipeline.base.workspace import Workspace
    from pipeline.batch.request_kind import Kind
    from pipeline.jobs import shards
    from pipeline.jobs.ledger import Ledger
    from pipeline.sending.count_tokens import counted
    from pipeline.sending.find_pending import survey
    from providers.together import Together

    ws, provider = Workspace.of("default", "together"), Together()
    ledger = Ledger(ws)
    found, _ = survey(ledger, provider)
    (places,) = found.by_kind(found.places).values()
    lines = counted(ledger, provider, "m", places)
    for receipt in shards.write(ledger, "together", lines, provider.limits("m"), Kind("m")):
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


def row(name: str, words: list[str], floor: float | None = None, size: int = 0) -> None:
    """The median of three runs of a command; MB/s are of the input, to CPU seconds."""
    seconds, wall, peak = sorted(measure(words) for _ in range(3))[1]
    ratio = f"{seconds / floor:.1f}" if floor else ""
    speed = f"{size / seconds / 1e6:.1f}" if size else ""
    print(f"{name:<26}{seconds:>8.2f}{wall:>8.2f}{ratio:>10}{speed:>8}{peak:>9.0f}", flush=True)


def measure(words: list[str]) -> tuple[float, float, float]:
    """CPU seconds with those of child processes, seconds by the clock, and peak memory in MB, of one run."""
    began = time.monotonic()
    with Path(os.devnull).open("wb") as nowhere:
        child = subprocess.Popen(
            [sys.executable, "-m", "pipeline", *words], stdout=nowhere, env=os.environ | {"PYTHONPATH": str(ROOT)}
        )
        _, status, usage = os.wait4(child.pid, 0)
    assert status == 0, words
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()

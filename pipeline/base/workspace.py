"""The folder of one run with one provider, and the names of the files in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InputError

RUNS = Path("data/runs")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Workspace:
    """`data/runs/<RUN>/<PROVIDER>`. Shards, made, jobs and outputs are of what was paid, the rest is free."""

    run: str
    provider: str

    @classmethod
    def of(cls, run: str, provider: str) -> Workspace:
        for name, value in (("RUN", run), ("PROVIDER", provider)):
            if not NAME.fullmatch(value):
                raise InputError(f"{name}={value!r} is no name: letters, digits, '.', '_' and '-', 64 at most")
        return cls(run, provider)

    @property
    def root(self) -> Path:
        return RUNS / self.run / self.provider

    inputs = property(lambda self: self.root / "inputs")
    transcripts = property(lambda self: self.root / "transcripts.jsonl")
    rejected = property(lambda self: self.root / "rejected.jsonl")
    settings = property(lambda self: self.root / "settings")
    asked = property(lambda self: self.root / "asked.json")
    prompts = property(lambda self: self.root / "prompts.json")
    batch = property(lambda self: self.root / "batch.jsonl")
    index = property(lambda self: self.root / "index.jsonl")
    round = property(lambda self: self.root / "round.jsonl")
    seal = property(lambda self: self.root / "round.json")
    corrections = property(lambda self: self.root / "corrections.jsonl")
    submitted = property(lambda self: self.root / "submitted.json")
    results = property(lambda self: self.root / "results.jsonl")
    table = property(lambda self: self.root / "results.csv")
    shards = property(lambda self: self.root / "shards")
    made = property(lambda self: self.root / "made")
    jobs = property(lambda self: self.root / "jobs")
    outputs = property(lambda self: self.root / "outputs")
    tries = property(lambda self: self.root / "tries.jsonl")
    lock = property(lambda self: self.root / ".lock")

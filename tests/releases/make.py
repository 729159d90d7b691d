"""Makes the workspaces of this release, as fixtures for all that come: `python -m tests.releases.make NAME`.

Each case is a folder that a person could have: transcripts, prompts, data/runs; and `case.json`, which has the
variables of its goals and the jobs of the service, in the order in which they were created. Run once for a release,
with its code, before the next one changes a line.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.anthropic_server import AnthropicServer
from tests.together_server import TogetherServer

ROOT = Path(__file__).parent.parent.parent
HERE = Path(__file__).parent
CODE = ("Makefile", "setup.cfg", "pyproject.toml", "pipeline", "providers", "schemas", "data")

HARBOUR = """WEBVTT

1
00:00:01.000 --> 00:00:04.000
<v Ines>The harbour froze over in the second week of January.</v>

2
00:00:04.200 --> 00:00:08.500
<v Ines>We carried the post across the ice on a sledge.</v>

3
00:00:09.000 --> 00:00:12.000
<v Tomas>And nobody told the ferry company?</v>
"""
ORCHARD = """Ruth: The old trees were planted by my grandmother.

Paulo: How many of them still bear fruit?

Ruth: Eleven. The twelfth gives shade, which is also something.
"""
CLOCK = "# The town clock\n\n**Ada:** It has been four minutes slow since the war.\n\n**Ben:** We all are.\n"
RECORDS = [
    {"id": "kiln", "title": "The kiln", "text": "Mara: Nine hundred degrees, and then you wait."},
    {"id": "weir", "show": "River days", "metadata": {"guest": "Olu"}, "segments": [
        {"start": 0, "end": 3, "speaker": "Olu", "text": "The weir has to be cleared by hand."},
        {"start": 3, "end": 5, "speaker": "Eva", "text": "Every spring?"}]},
]  # fmt: skip
ASK = "Say in one sentence what this is about.\n"
NAMES = "---\nmax_tokens: 120\n---\nList who speaks.\n---\n{{ title }}\n\n{{ text }}\n"
SCHEMA = {
    "type": "object", "additionalProperties": False, "required": ["topic", "mood"],
    "properties": {"topic": {"type": "string", "maxLength": 80}, "mood": {"enum": ["calm", "glad", "sad"]}},
}  # fmt: skip
TURN = "{who}: On day {day} we took the path behind the mill and counted {count} herons before the rain.\n\n"


def long_talk(days: int) -> str:
    """A conversation of so many turns."""
    return "".join(TURN.format(who=("Nora", "Piet")[day % 2], day=day, count=day % 7 + 2) for day in range(1, days))


class Case:
    """A folder of its own, with the code of this release, and a service; `goal` is make."""

    def __init__(self, root: Path, server: Any, **variables: object) -> None:
        self.root, self.server, self.variables = root, server, variables
        for name in CODE:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            copy(ROOT / name, root / name)
        shutil.rmtree(root / "data" / "runs", ignore_errors=True)
        (root / "venv" / "bin").mkdir(parents=True)
        python = root / "venv" / "bin" / "python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        for stamp in ("installed", "installed-local"):
            (root / "venv" / stamp).touch()
        self.file("talks/harbour.vtt", HARBOUR)
        self.file("talks/orchard.txt", ORCHARD)
        self.file("talks/clock.md", CLOCK)
        self.file("talks/more.jsonl", "".join(json.dumps(record) + "\n" for record in RECORDS))
        self.file("ask.md", ASK)
        self.file("names.md", NAMES)
        self.file("mood.json", json.dumps(SCHEMA, indent=1))

    def file(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def goal(self, *goals: str, fails: bool = False, **more: object) -> None:
        env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        env |= {"TOGETHER_API_KEY": "k", "ANTHROPIC_API_KEY": self.server_secret, "PYTHONPATH": str(self.root)}
        env |= {"TOGETHER_BASE_URL": self.server.url, "ANTHROPIC_BASE_URL": self.server.url}
        words = {"TRANSCRIPTS": "talks", "VENV": "venv", "POLL": 0, "SETTLE": 0.5, **self.variables, **more}
        made = [f"{name}={value}" for name, value in words.items()]
        done = subprocess.run(["make", *goals, *made], cwd=self.root, env=env, capture_output=True, text=True)
        if bool(done.returncode) != fails:
            raise SystemExit(f"{goals} {done.returncode}\n{done.stdout}{done.stderr}")

    @property
    def server_secret(self) -> str:
        return getattr(self.server, "secret", "k")

    def keep(self, home: Path) -> None:
        """What a release leaves: all but its code."""
        shutil.rmtree(home, ignore_errors=True)
        code = [name for name in CODE if name != "data"]
        skip = shutil.ignore_patterns(*code, "venv", "prompts", "transcripts", ".lock")
        shutil.copytree(self.root, home, ignore=skip)
        variables = {"TRANSCRIPTS": "talks"} | self.variables
        (home / "case.json").write_text(json.dumps({"variables": variables, "jobs": self.jobs()}, indent=1) + "\n")

    def jobs(self) -> list[list[str]]:
        """The custom_ids of each job that the service has, as they came."""
        return getattr(self.server, "invoice", None) or [job["names"] for job in self.server.jobs]


def plain(case: Case) -> None:
    case.goal("submit", "results")


def half_sent(case: Case) -> None:
    case.goal("submit", QUEUE_JOBS=1)


def sample(case: Case) -> None:
    case.goal("submit", "results", SAMPLE=2)


def running(case: Case) -> None:
    case.server.polls_needed = 9
    case.goal("submit")
    case.goal("results", fails=True)


def structured(case: Case) -> None:
    words = {"clock": '{"topic": "a clock", "mood": "calm"}', "kiln": "warm", "weir": '{"topic": 7, "mood": "sad"}'}

    def bent(rows: list[dict]) -> list[dict]:
        for row in rows:
            said = words.get(row["custom_id"], '```json\n{"topic": "a talk", "mood": "glad"}\n```')
            row["response"]["body"]["choices"][0]["message"]["content"] = said
        return rows

    case.server.rows, case.server.errors = bent, {"orchard": "overloaded"}
    case.goal("submit", "results")


def split(case: Case) -> None:
    case.file("talks/long.txt", long_talk(60))
    case.goal("submit", "results")


def split_done(case: Case) -> None:
    split(case)
    case.goal("submit", "results", WAIT=1)


def long_alone(case: Case) -> None:
    case.file("talks/long.txt", long_talk(60))
    case.goal("submit", "results")


def lost_start(case: Case) -> None:
    case.server.fault("create", "executed:drop")
    case.server.faults["list"] = ["", *["500"] * 60]  # the look before the start is good
    case.goal("submit", fails=True)


CASES: dict[str, tuple[Callable[[Case], None], dict[str, object]]] = {
    "plain": (plain, {}),
    "half-sent": (half_sent, {"PROMPTS": "ask.md names.md"}),
    "sample": (sample, {"PROMPT": "ask.md"}),
    "running": (running, {"PROMPT": "ask.md"}),
    "structured": (structured, {"PROMPT": "ask.md", "ANSWER": "mood.json"}),
    "two-prompts": (plain, {"PROMPTS": "ask.md names.md", "MODEL": "openai/gpt-oss-120b"}),
    "split": (split, {"PROMPT": "ask.md", "LONG": "split", "CONTEXT": 1200, "MAX_TOKENS": 200}),
    "split-done": (split_done, {"PROMPT": "ask.md", "LONG": "split", "CONTEXT": 1200, "MAX_TOKENS": 200}),
    "truncated": (long_alone, {"PROMPT": "ask.md", "LONG": "truncate", "CONTEXT": 1200, "MAX_TOKENS": 200}),
    "anthropic": (plain, {"PROMPT": "ask.md", "PROVIDER": "anthropic", "MODEL": "claude-haiku-4-5"}),
    "lost-start": (lost_start, {"PROMPT": "ask.md"}),
}


def main(release: str, scratch: Path) -> None:
    for name, (steps, variables) in CASES.items():
        with (AnthropicServer if name == "anthropic" else TogetherServer)() as server:
            server.polls_needed = 0
            root = scratch / name
            root.mkdir(parents=True)
            case = Case(root, server, **variables)
            steps(case)
            case.keep(HERE / release / name)
            print(name, case.jobs())


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        main(sys.argv[1], Path(folder))

"""Workspaces of past releases (tests/releases): what was paid there stays paid, and stays as it was sent.

Each is rebuilt from its sources first, as after a clone, which keeps no times: so Make would run every stage.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import orjson
import pytest

from pipeline.base.workspace import Workspace
from pipeline.batch import made_from as made
from pipeline.batch import prompt_variables as prompt
from pipeline.batch import request_line as shards
from pipeline.batch.answer_schema import Answer
from pipeline.batch.cut_text import beginning, cut
from pipeline.jobs import older_workspaces as older
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.receipt import Receipt
from pipeline.plugins import find as plugins
from pipeline.transcripts import json_lines as jsonl
from pipeline.transcripts import read_file as file
from providers.wire import anthropic_messages, openai_chat
from tests.anthropic_server import AnthropicServer
from tests.conftest import ROOT, read_jsonl, write_jsonl
from tests.together_server import TogetherServer

HOME = ROOT / "tests" / "releases"
CASES = sorted(path.parent for path in HOME.glob("*/*/case.json"))


class Old:
    """A workspace of a past release, its service with the jobs of then, and today's goals."""

    def __init__(self, home: Path, server, run, monkeypatch) -> None:
        self.server, self.run = server, run
        shutil.copytree(home, Path.cwd(), dirs_exist_ok=True)
        shutil.copytree(ROOT / "data" / "prompts", "data/prompts")
        case = json.loads(Path("case.json").read_text())
        variables = {"PROMPT": "data/prompts/summary.md", "POLL": "0", "SETTLE": "0"} | case["variables"]
        for name, value in {**variables, "TRANSCRIPT_BATCH_GOALS": ""}.items():
            monkeypatch.setenv(name, str(value))
        self.ws = Workspace.of("default", variables.get("PROVIDER", "together"))
        self.were = read_jsonl(self.ws.results) if self.ws.results.exists() else None
        ledger = Ledger(self.ws)
        plugin = plugins.provider(self.ws.provider)
        sent = [([plugin.custom_id(line) for line in ledger.lines(one)], one) for one in ledger]
        self.paid = Counter(name for names, receipt in sent if not receipt.unstarted for name in names)
        rows = [row for path in (self.ws.batch, self.ws.round) if path.exists() for row in read_jsonl(path)]
        asked = {plugin.custom_id(shards.encode(plugin, row)) for row in rows}
        self.left = asked - self.paid.keys()  # of which nothing is sent
        if isinstance(server, TogetherServer):
            self._known({tuple(names): receipt for names, receipt in sent}, case["jobs"])

    def _known(self, shards: dict[tuple[str, ...], Receipt], jobs: list[list[str]]) -> None:
        """Tell the service of the files and jobs that it had."""
        for names in jobs:
            receipt = shards[tuple(names)]
            data = (self.ws.shards / f"{receipt.shard}.jsonl").read_bytes()
            file_id = receipt.handle["file_id"]
            self.server.files[file_id] = {"name": "shard", "purpose": "batch-api", "data": data}
            self.server.create(orjson.dumps({"input_file_id": file_id, "endpoint": "/v1/chat/completions"}))

    def goals(self, *commands: str, rebuild: bool = True) -> str:
        """What make would run; returns all that was said."""
        stages = ("settings", "transcripts", "batch") if rebuild else ("settings",)
        words, os.environ["TRANSCRIPT_BATCH_GOALS"] = "", " ".join(commands) or "batch"
        for command in (*stages, *commands):
            code, out, err = self.run(*command.split())
            assert code == 0, f"{command}: {out}{err}"
            words += out + err
        return words

    def sent(self) -> Counter[str]:
        """What the service was paid for since."""
        if isinstance(self.server, TogetherServer):
            return Counter(self.server.paid) - self.paid
        return Counter(name for job in self.server.jobs for name in job["names"])

    def next(self) -> tuple[str, str]:
        """What `plan` and `status` say that is to be done."""
        said = (self.run("plan")[1], self.run("status")[1])
        return tuple(words.strip().rpartition("next")[2].strip() for words in said)

    def rows(self) -> list[dict]:
        return read_jsonl(self.ws.results)


@pytest.fixture(params=CASES, ids=lambda path: f"{path.parent.name}-{path.name}")
def old(request, run, monkeypatch):
    with (AnthropicServer if request.param.name == "anthropic" else TogetherServer)() as server:
        server.polls_needed = 0
        for name in ("TOGETHER", "ANTHROPIC"):
            monkeypatch.setenv(f"{name}_API_KEY", getattr(server, "secret", "k"))
            monkeypatch.setenv(f"{name}_BASE_URL", server.url)
        yield Old(request.param, server, run, monkeypatch)


def check(old: Old) -> None:
    """Results are free and the same, and submit sends what was never sent, and nothing else."""
    begun = any(receipt.state == "starting" for receipt in Ledger(old.ws))
    if not begun:
        old.goals(*() if old.were is None and old.left else ("submit --no-new-jobs", "results"))
    assert not old.sent()
    if old.were is not None:
        assert [_as(new, row) for new, row in zip(old.rows(), old.were, strict=True)] == [
            *map(_as, old.were, old.were)
        ]
    plan, status = old.next()
    more = bool(begun or old.left)
    assert ("`make submit`" in plan, "`make submit`" in status) == (more, more), (plan, status)
    old.goals("submit", "results", rebuild=begun)
    assert old.sent() == Counter(old.left)
    good = {"ok", "invalid", "error"} if old.were else {"ok"}
    assert {row["outcome"] for row in old.rows()} <= good
    assert not any(row["outcome"] == "error" for row in old.rows() if row["custom_id"] in old.left)


def _as(new: dict, row: dict) -> dict:
    """Of a row of today the fields that the old one has; of one that was not sent, that alone."""
    return {name: new[name] for name in (row if row["outcome"] != "unsent" else ("custom_id", "outcome"))}


def test_what_was_paid_is_free_and_nothing_is_sent_again(old):
    check(old)


# ---- code that is newer than today's -------------------------------------------------------------


def newer_model(patch):
    patch.setattr("providers.together.Together.default_model", "acme/of-next-year")


def newer_reader(patch):
    """Reads every file and record otherwise."""
    made, words = file.record, jsonl.join

    def record(*args):
        read = made(*args)
        return read | {"text": f"{read['text']}\n\nread better", "title": "A better title"}

    patch.setattr("pipeline.transcripts.read_file.record", record)
    patch.setattr("pipeline.transcripts.json_lines.join", lambda segments: f"{words(segments)}\n\njoined better")


def newer_schema(patch):
    form = Answer.form.fget
    patch.setattr(Answer, "form", property(lambda self: {**form(self), "fitted": True}))


def newer_cut(patch):
    patch.setattr("pipeline.batch.too_long.cut", lambda text, most, *how: cut(text, most // 2, *how))
    patch.setattr("pipeline.batch.too_long.beginning", lambda text, most, *how: beginning(text, most // 2, *how))
    patch.setattr("pipeline.money.prices.window", lambda provider, model: 6000)


def newer_wire(patch):
    for wire in (openai_chat, anthropic_messages):
        said = lambda request, encode=wire.encode: encode(request)[:-1] + b',"newer":true}'  # noqa: E731
        patch.setattr(wire, "encode", said)


def newer_rounds(patch):
    patch.setattr("pipeline.results.round_requests.HEAD", 90)
    block = property(lambda self: f"## {self.name}\n\n{self.text}")
    patch.setattr("pipeline.results.round_requests.Said.block", block)


def newer_defaults(patch):
    for module in (prompt, made, older):
        patch.setattr(module, "COMBINE", "Make one of these.")
    patch.setattr("pipeline.batch.prompt_variables.MAX_TOKENS", 5000)
    patch.setattr("pipeline.batch.made_from.OVERLAP", 90)


NEWER = (newer_model, newer_reader, newer_schema, newer_cut, newer_wire, newer_rounds, newer_defaults)


def test_nor_by_code_that_makes_every_request_otherwise(old, monkeypatch):
    for newer in NEWER:
        newer(monkeypatch)
    check(old)


def some(newer: int, case: int) -> tuple[pytest.MarkDecorator, ...]:
    """A third of the workspaces for each; the others are for `make test-long`."""
    return () if (newer + case) % 3 == 0 else (pytest.mark.long,)


PAIRS = [pytest.param(one, at, marks=some(n, k)) for n, one in enumerate(NEWER) for k, at in enumerate(CASES)]


@pytest.mark.parametrize(("newer", "old"), PAIRS, indirect=["old"])
def test_nor_by_code_that_does_one_thing_otherwise(newer, old, monkeypatch):
    newer(monkeypatch)
    check(old)


# ---- odd states of theirs -----------------------------------------------------------------------


def case(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("old", [HOME / "8e20d87" / name], indirect=True, ids=[name])


def changed(old: Old, id: str, **fields) -> None:
    """A row of transcripts.jsonl as the old release wrote it of another source, after the batch."""
    rows = [row | fields if row["id"] == id else row for row in read_jsonl(old.ws.transcripts)]
    write_jsonl(old.ws.transcripts, rows)


@case("plain")
def test_transcripts_that_are_newer_than_the_batch_are_not_what_was_sent(old):
    text = Path("talks/orchard.txt").read_text().replace("Eleven", "Nine")
    Path("talks/orchard.txt").write_text(text)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    changed(old, "orchard", text=text.strip(), source={"path": "talks/orchard.txt", "sha256": sha256})
    old.goals()
    code, _, err = old.run("submit")
    assert code == 5 and "1 of 5 requests was already submitted" in err and not old.sent()


@case("lost-start")
def test_a_start_that_was_given_up_is_taken_when_it_is_listed(old):
    """Its second start was lost too; the service lists the job by now."""
    path = next(old.ws.jobs.iterdir())
    path.write_text(json.dumps(json.loads(path.read_text()) | {"state": "uploaded", "intent": None}))
    assert next(iter(Ledger(old.ws))).doubted
    old.goals("submit", "results")
    assert not old.sent() and {row["outcome"] for row in old.rows()} == {"ok"}


@case("plain")
def test_rows_that_are_missing_are_looked_for_again(old):
    old.goals("submit", "results")
    path = next(old.ws.made.iterdir())
    whole = path.read_bytes()
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
    os.utime(path, (0, 0))
    old.goals("results")
    assert path.read_bytes().startswith(b"".join(whole.splitlines(keepends=True)[:-1]))
    assert len(read_jsonl(path)) == 5


@case("plain")
def test_a_source_that_a_person_wrote_stops_nothing(old):
    changed(old, "kiln", source={"sha256": 7, "path": "x"})
    old.goals("submit", "results")
    assert not old.sent()


@case("plain")
@pytest.mark.parametrize("words", [b"", b"[]\n", b"7\n" * 5, b"{\n", b'{"custom_id": 7}\n' * 5])
def test_a_damaged_index_has_one_line(words, old):
    old.goals("submit", "results")
    old.ws.index.write_bytes(words)
    for command in ("settings", "results", "status", "plan", "batch"):
        code, out, err = old.run(*command.split())
        assert code in (0, 2, 74) and "Traceback" not in out + err
    old.goals("submit", "results")
    assert not old.sent()


def body(change):
    """The batch as it was made anew and refused: each body changed."""

    def changed(old):
        rows = read_jsonl(old.ws.batch)
        for row in rows:
            change(row["body"])
        write_jsonl(old.ws.batch, rows)

    return changed


@pytest.mark.parametrize("old", [HOME / "8e20d87" / name for name in ("structured", "anthropic")], indirect=True)
@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(temperature=0.3),
        lambda body: body.update(seed=7),
        lambda body: body.update(max_tokens=4001),
        lambda body: body["messages"].insert(1, {"role": "user", "content": "An example of it."}),
        lambda body: body["messages"].pop(0),
        lambda body: body.update(
            response_format={"type": "json_schema", "json_schema": {"schema": {"type": "array"}}}
        ),
    ],
)
def test_what_was_changed_and_refused_is_not_what_was_sent(change, old):
    body(change)(old)
    code, _, err = old.run("settings")
    assert code == 0, err
    assert not any(read_jsonl(path) for path in (old.ws.made.iterdir() if old.ws.made.exists() else ()))


@case("structured")
def test_nor_is_a_schema_that_was_taken_away(old):
    body(lambda body: body.pop("response_format"))(old)
    assert old.run("settings")[0] == 0
    assert not any(map(read_jsonl, old.ws.made.iterdir()))


@case("split")
@pytest.mark.parametrize("text", [lambda text: text[:-40], lambda text: text + "One more."])
def test_parts_of_a_text_that_was_cut_or_grew_are_not_what_was_sent(text, old):
    (long,) = [row for row in read_jsonl(old.ws.transcripts) if row["id"] == "long"]
    changed(old, "long", text=text(long["text"]))
    os.utime(old.ws.batch, (0, 0))
    assert old.run("settings")[0] == 0
    rows = [row["id"] for path in old.ws.made.iterdir() for row in read_jsonl(path)]
    assert "long" not in rows and len(rows) == 5

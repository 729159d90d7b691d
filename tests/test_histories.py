"""Months of a person at the goals: variables forgotten and mistaken, sources moved, folders copied, keys mixed up.

What is paid is what the person saw last, each request of it once unless it failed, and each answer is its own.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.base.workspace import Workspace
from pipeline.cli import main
from tests.conftest import named, read_jsonl
from tests.together_server import TogetherServer

WS = Workspace.of("default", "together")
KEY = "k-of-the-account"
VALUES = {"MODEL": ["a/one", "b/two"], "MAX_TOKENS": ["50", "60"], "PROMPT": ["brief.md", "long.md"]}
CHANGES = st.fixed_dictionaries({}, optional={name: st.sampled_from(of) for name, of in VALUES.items()}) | st.just(
    {}
)
NAMES = ("a", "b", "c", "d")
TEXTS = st.sampled_from(["oats", "rye", "wheat"])
FAULTS = st.sampled_from(["", "", "", "executed:500", "500", "executed:drop"])
SUBMIT = st.fixed_dictionaries(
    {"typed": CHANGES, "retry": st.booleans(), "sample": st.sampled_from(["", "", "1"]), "fault": FAULTS}
)


def said_by(body):
    """A body, whatever the order of its keys."""
    return json.dumps(body, sort_keys=True)


class Person:
    """One run. `seen` are models, lengths and prompts of the batch that the person made last."""

    def __init__(self, home, server, capture):
        self.home, self.server, self.capture = home, server, capture
        self.server.polls_needed = 0
        os.environ |= {"TOGETHER_API_KEY": KEY, "TOGETHER_BASE_URL": self.server.url, "SETTLE": "0", "POLL": "0"}
        self.words, self.failed, self.jobs = 0, Counter(), 0
        os.chdir(self.home)
        Path("talks").mkdir()
        Path("brief.md").write_text("Be brief.\n")
        Path("long.md").write_text("Say all.\n")
        self.edit("a", "oats")
        assert self.goal("batch", TRANSCRIPTS="talks", PROMPT="brief.md", MODEL="a/one", MAX_TOKENS="50")[0] == 0

    def goal(self, name, **typed):
        """What make would run for one goal: its exit code, and what was said."""
        making = (
            ("settings", "transcripts", "batch") if Path("talks").exists() or name == "batch" else ("settings",)
        )
        reading = ("submit --no-new-jobs", "results")
        stages = {"batch": making, "submit": (*making, "submit"), "results": reading}[name]
        typed = {word: value for word, value in typed.items() if value}
        told = {"TRANSCRIPT_BATCH_GOALS": name, "TRANSCRIPT_BATCH_TYPED": " ".join(typed), **typed}
        before = dict(os.environ)
        os.environ |= told
        try:
            for words in stages:
                if words == "submit":  # the texts may be newer than the last `make batch`
                    self.texts = {row["body"]["messages"][-1]["content"] for row in read_jsonl(WS.batch)}
                code = self.command(words)
                if code:
                    return code, self.said
            if name == "batch":
                bodies = [row["body"] for row in read_jsonl(WS.batch)]
                self.seen = {(one["model"], one["max_tokens"], one["messages"][0]["content"]) for one in bodies}
            return 0, self.said
        finally:
            os.environ.clear()
            os.environ |= before

    def command(self, words):
        try:
            main(words.split())
            code = 0
        except SystemExit as leave:
            code = leave.code
        self.said = "".join(self.capture.readouterr())
        return code

    # ---- what a person does ---------------------------------------------------------------------

    def edit(self, name, text):
        if Path("talks").exists():
            Path("talks", f"{name}.txt").write_text(f"{name} says {text}\n")

    def remove(self, name):
        Path("talks", f"{name}.txt").unlink(missing_ok=True)

    def move_the_sources(self):
        shutil.move("talks" if Path("talks").exists() else "moved", "moved" if Path("talks").exists() else "talks")

    def reword(self, words):
        Path("brief.md").write_text(f"{words}\n")

    def batch(self, changes):
        code, said = self.goal("batch", **changes)
        assert code in (0, 2), said
        assert (code == 0) == Path("talks").exists(), said

    def submit(self, typed, retry, sample, fault):
        """With variables that may not be those of the batch: only with RETRY it may pay then, and what failed."""
        self.texts = set()
        if fault:
            self.server.fault("create", fault)
        code, said = self.goal("submit", RETRY="1" if retry else "", SAMPLE=sample, **typed)
        self.server.faults.clear()
        assert code in (0, 2, 5, 75), said
        news = [row["body"] for job in list(self.server.jobs.values())[self.jobs :] for row in job.rows]
        self.jobs = len(self.server.jobs)
        for body in news:
            system, text = (message["content"] for message in body["messages"])
            seen = (body["model"], body["max_tokens"], system)
            assert text in self.texts and (
                seen in self.seen or (system in {row[2] for row in self.seen} and self._corrects(body))
            )

    def _corrects(self, body):
        rows = read_jsonl(WS.corrections) if WS.corrections.exists() else []
        return any(all(body.get(name) == value for name, value in row["body"].items()) for row in rows)

    def go_wrong(self, fails):
        self.server.errors = dict.fromkeys(fails, "overloaded")

    def results(self):
        code, said = self.goal("results")
        assert code in (0, 3), said
        self._known()

    def with_another_key(self):
        """Nothing is asked with it where something was started."""
        if not self.server.jobs:
            return
        before = len(self.server.requests)
        os.environ["TOGETHER_API_KEY"] = "another"
        for name in ("results", "submit"):
            code, said = self.goal(name)
            assert code or name == "results", said
        os.environ["TOGETHER_API_KEY"] = KEY
        assert len(self.server.requests) == before

    def in_a_copy(self):
        """The folder is copied with its times, and the copy goes on; the first one may still be read."""
        copy = self.home.with_name(f"{self.home.name}-copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.home, copy)
        self.goal("results")
        os.chdir(copy)
        shutil.rmtree(self.home)
        self.home = copy.rename(self.home)
        os.chdir(self.home)

    def say_again(self):
        """A person has looked, and says that the shard in doubt is to be started once more."""
        _, said = self.goal("submit")
        if found := named(said):
            self.words += 1
            self.goal("submit", AGAIN=found)
        self.jobs = len(self.server.jobs)

    # ---- what holds -----------------------------------------------------------------------------

    def _known(self):
        """How often each body failed."""
        self.failed = Counter()
        for job in self.server.jobs.values():
            for row in job.rows:
                self.failed[said_by(row["body"])] += row["custom_id"] in job.errors

    def nothing_with_an_answer_is_paid_again(self):
        self._known()
        sent = Counter(said_by(row["body"]) for job in self.server.jobs.values() for row in job.rows)
        assert all(count <= 1 + self.failed[body] + self.words for body, count in sent.items())

    def finish(self):
        """In the end all is sent and fetched, and each answer is its own."""
        self.server.errors = {}
        if not Path("talks").exists():
            shutil.move("moved", "talks")
        self.goal("results")
        assert self.goal("batch")[0] == 0
        for retry in ("", "1"):  # what was never sent, and then what has no answer
            for _ in range(3):
                code, said = self.goal("submit", REPLACE="1", RETRY=retry)
                found = named(said) if code == 75 else None
                if not found:
                    break
                self.goal("submit", REPLACE="1", RETRY=retry, AGAIN=found)
            assert code == 0, said
            self.goal("results")
        code, said = self.goal("results")
        assert code == 0, said
        texts = {row["custom_id"]: row["body"]["messages"][-1]["content"] for row in read_jsonl(WS.batch)}
        rows = read_jsonl(WS.results)
        assert [row["custom_id"] for row in rows] == list(texts)
        for row in rows:
            assert row["outcome"] == "ok", row
            assert f"{len(texts[row['custom_id']])} chars" in row["text"]


STEPS = [
    *[st.tuples(st.just("submit"), SUBMIT)] * 5,
    *[st.tuples(st.just("edit"), st.fixed_dictionaries({"name": st.sampled_from(NAMES), "text": TEXTS}))] * 3,
    *[st.tuples(st.just("batch"), st.fixed_dictionaries({"changes": CHANGES}))] * 3,
    *[st.tuples(st.just("results"), st.just({}))] * 2,
    st.tuples(st.just("go_wrong"), st.fixed_dictionaries({"fails": st.sets(st.sampled_from(NAMES), max_size=2)})),
    st.tuples(st.just("remove"), st.fixed_dictionaries({"name": st.sampled_from(NAMES[1:])})),
    st.tuples(st.just("reword"), st.fixed_dictionaries({"words": st.sampled_from(["Be brief.", "Be short."])})),
    *[
        st.tuples(st.just(name), st.just({}))
        for name in ("move_the_sources", "with_another_key", "in_a_copy", "say_again")
    ],
]


@pytest.mark.parametrize("examples", [pytest.param(10), pytest.param(500, marks=pytest.mark.long)])
def test_months_at_the_goals(examples, tmp_path_factory, capsys, monkeypatch):
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.one_of(STEPS), min_size=8, max_size=14))
    def months(steps):
        before = dict(os.environ)
        with TogetherServer() as server:
            try:
                person = Person(tmp_path_factory.mktemp("months"), server, capsys)
                for name, how in steps:
                    getattr(person, name)(**how)
                    person.nothing_with_an_answer_is_paid_again()
                person.finish()
            finally:
                os.environ.clear()
                os.environ |= before

    months()

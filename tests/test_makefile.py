"""Real make in a scratch copy, a real submit over a real socket, and the service's invoice."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.hookspecs import GROUP
from tests.conftest import ROOT, read_jsonl, write_jsonl
from tests.together_server import TogetherServer

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


class Make:
    """`make("submit", RETRY=1)` in a copy of the project; returns the finished process."""

    def __init__(self, root: Path, server: TogetherServer, warm: str) -> None:
        self.root, self.server = root, server
        venv = root / "venv"
        (venv / "bin").mkdir(parents=True)
        python = venv / "bin" / "python"  # a link would lose the packages of the environment
        # `make -B` would install the copy over the environment that runs the tests.
        python.write_text(f'#!/bin/sh\n[ "$2" != pip ] || exit 0\n{warm}')
        python.chmod(0o755)
        for stamp in ("installed", "installed-local", "installed-dev"):
            (venv / stamp).touch()
        self.env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.env |= {"TOGETHER_API_KEY": "k-make", "TOGETHER_BASE_URL": server.url, "PYTHONPATH": str(root)}
        self.env |= {"SETTLE": "0", "POLL": "0", "VENV": "venv", "COLUMNS": "1000"}
        self.talks("a", "b", "c")

    def __call__(self, *goals: str, **variables: object) -> subprocess.CompletedProcess:
        given = {"TRANSCRIPTS": "talks.jsonl", **variables}
        words = [f"{name}={value}" for name, value in given.items() if (name, value) != ("TRANSCRIPTS", "")]
        return subprocess.run(
            ["make", *goals, *words], cwd=self.root, env=self.env, capture_output=True, text=True, timeout=60
        )

    def talks(self, *ids: str) -> None:
        write_jsonl(self.root / "talks.jsonl", [{"id": name, "text": f"words of {name}"} for name in ids])

    def ok(self, *goals: str, **variables: object) -> subprocess.CompletedProcess:
        done = self(*goals, **variables)
        assert done.returncode == 0, done.stderr
        return done

    def refused(self, *goals: str, says: str, **variables: object) -> None:
        done = self(*goals, **variables)
        assert done.returncode == 2
        assert says in done.stderr

    def results(self, run: str = "default", provider: str = "together") -> dict[str, str]:
        rows = read_jsonl(self.root / "data" / "runs" / run / provider / "results.jsonl")
        return {row["id"]: row["outcome"] for row in rows}


@pytest.fixture
def make(tmp_path, warm):
    scratch = tmp_path / "copy"
    keep = ("Makefile", "setup.cfg", "pyproject.toml", "pipeline", "providers", "schemas", "data")
    for name in keep:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        skip = {"ignore": shutil.ignore_patterns("runs")} if (ROOT / name).is_dir() else {}
        (scratch / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, scratch / name, **skip)
    with TogetherServer() as server:
        server.polls_needed = 0
        yield Make(scratch, server, warm)


def test_every_goal_is_listed_in_80_columns(make):
    listed = [line for goal in ("help", "help-dev") for line in make.ok(goal).stdout.splitlines()]
    assert max(map(len, listed)) <= 80
    goals = re.search(r"^GOALS := ((?:.*\\\n)*.*)", (make.root / "Makefile").read_text(), re.M)[1]
    named = {line.split()[1] for line in listed if line.startswith("  make ")}
    assert named == set(goals.replace("\\", "").split()) - {"agree", "lint", "FORCE"}


def test_the_rows_of_the_table_for_what_changes(make):
    make.refused("results", says="3 of 3 requests were never submitted; run `make submit`")
    assert make.server.requests == []
    make.ok("submit")
    make.ok("results")
    assert make.server.invoice == [["a", "b", "c"]]
    assert make.results() == {"a": "ok", "b": "ok", "c": "ok"}

    # another prompt: what reads takes the run's own, what pays wants a batch that was made with it; back is free
    demo, summary = {"PROMPT": "data/prompts/demo.md"}, {"PROMPT": "summary"}
    said = make.ok("results", **demo).stderr
    assert "PROMPT=data/prompts/demo.md is not taken: the run has PROMPT=data/prompts/summary.md" in said
    make.refused("submit", says="`make batch PROMPT=data/prompts/demo.md` makes it anew", **demo)
    make.ok("batch", **demo)
    make.refused("results", says="Put it back and run `make batch`; or choose a new RUN=")
    make.refused("submit", says="already submitted with another body")
    make.ok("batch", **summary)
    make.ok("submit", "results")

    # touched, rebuilt, cleaned: free
    os.utime(make.root / "talks.jsonl")
    make.ok("submit", "results")
    make.ok("clean")
    make.ok("submit", "results")
    make.ok("-B", "results")
    assert make.server.invoice == [["a", "b", "c"]]

    # the run remembers its transcripts
    make.ok("submit", "results", TRANSCRIPTS="")

    # added: not in the batch until it is made again, then refused until it is sent, and only that one is
    make.talks("a", "b", "c", "d")
    make.ok("results")
    make.ok("batch")
    make.refused("results", says="1 of 4 requests was never submitted")
    make.ok("submit", "results")
    assert make.server.invoice[1:] == [["d"]]
    make.talks("b", "d")
    make.ok("submit", "results")
    assert make.results() == {"b": "ok", "d": "ok"}
    assert len(make.server.invoice) == 2

    # REPLACE pays again, once
    make.ok("batch", "submit", "results", **demo, REPLACE=1)
    make.ok("submit", "results", **demo)
    make.ok("submit", "results")
    assert make.server.invoice[2:] == [["b", "d"]]


def test_raw_files_are_read_by_batch_and_not_again_for_another_prompt(make):
    talks = make.root / "talks"
    talks.mkdir()
    for name in ("one", "two"):
        (talks / f"{name}.vtt").write_text(f"WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ana>words of {name}</v>\n")
    make.ok("batch", TRANSCRIPTS="talks")
    read = make.root / "data/runs/default/together/transcripts.jsonl"
    assert [(row["id"], row["text"]) for row in read_jsonl(read)] == [
        ("one", "Ana: words of one"), ("two", "Ana: words of two"),
    ]  # fmt: skip
    before = read.stat().st_mtime_ns
    make.ok("batch", PROMPT="topics", TRANSCRIPTS="talks")
    assert read.stat().st_mtime_ns == before
    requests = read_jsonl(read.with_name("batch.jsonl"))
    assert [row["body"]["messages"][1]["content"] for row in requests] == ["Ana: words of one", "Ana: words of two"]

    # a removed file, another encoding, a fault and its way out
    (talks / "two.vtt").unlink()
    make.ok("batch", TRANSCRIPTS="talks")
    assert [row["custom_id"] for row in read_jsonl(read.with_name("batch.jsonl"))] == ["one"]
    (talks / "three.pdf").write_bytes(b"%PDF-1.4")
    make.refused("batch", says="three.pdf: this is a PDF; export the transcript as .docx", TRANSCRIPTS="talks")
    assert "1 transcript left out" in make.ok("batch", TRANSCRIPTS="talks", ERRORS="skip").stdout
    make.ok("clean", TRANSCRIPTS="talks")
    assert sorted(path.name for path in read.parent.iterdir()) == [
        ".lock",
        "asked.json",
        "inputs",
    ]  # what the run remembers

    # how files are read is remembered with them
    make.ok("batch", TRANSCRIPTS="")
    make.ok("batch", TRANSCRIPTS="talks")
    make.refused("batch", says="three.pdf", TRANSCRIPTS="talks", ERRORS="stop")


def test_submit_reads_as_batch_did(make):
    talk = make.root / "talk.txt"
    talk.write_bytes("Рожь и овёс".encode("koi8-r"))
    make.ok("batch", TRANSCRIPTS="talk.txt", ENCODING="koi8-r")
    make.ok("submit", TRANSCRIPTS="")
    make.ok("clean")
    make.ok("submit", "results", TRANSCRIPTS="")
    assert make.server.invoice == [["talk"]]
    sent = read_jsonl(next((make.root / "data/runs/default/together/shards").iterdir()))
    assert sent[0]["body"]["messages"][1]["content"] == "Рожь и овёс"
    make.refused("batch", says="not utf-8", TRANSCRIPTS="talk.txt", ENCODING="utf-8")


def test_a_second_run_has_its_own_folder_and_the_first_stays_fresh(make):
    make.ok("submit", "results")
    make.ok("submit", "results", RUN="two", MODEL="other")
    assert len(make.server.invoice) == 2
    seen = len(make.server.requests)
    make.ok("results")
    assert len(make.server.requests) == seen


def test_results_that_are_fresh_start_python_once(make):
    make.ok("submit", "results")
    done = make.ok("results", "--trace")
    assert done.stdout.count("-m pipeline") == 1


def test_failed_rows_are_lines_and_retry_sends_only_those(make):
    make.server.errors = {"b": "overloaded"}
    make.ok("submit", "results")
    assert make.results() == {"a": "ok", "b": "error", "c": "ok"}
    make.refused("results", says="RETRY=1", STRICT=1)
    assert make.results() == {"a": "ok", "b": "error", "c": "ok"}
    make.server.errors = {}
    make.ok("submit", "results")
    assert len(make.server.invoice) == 1
    make.ok("submit", "results", RETRY=1)
    assert make.server.invoice == [["a", "b", "c"], ["b"]]
    make.ok("results", STRICT=1)
    assert make.results() == {"a": "ok", "b": "ok", "c": "ok"}


def test_a_lost_answer_under_make(make):
    make.server.fault("create", "executed:drop")
    make.ok("submit", "results")
    assert make.server.invoice == [["a", "b", "c"]]
    assert make.server.starts() == 1


def test_unfinished_jobs_are_said_and_nothing_is_written(make):
    make.server.polls_needed = 5
    make.ok("submit")
    make.refused("results", says="1 of 1 job is still running")
    assert not list((make.root / "data" / "runs").rglob("results.jsonl"))
    done = make.ok("results", WAIT=1)
    assert "3 of 3 rows done · 1 job: 1 completed" in done.stderr


def test_cancel_keeps_what_was_finished(make):
    make.server.polls_needed, make.server.answered = 50, 1
    make.ok("submit")
    make.ok("cancel")
    assert "asked to cancel" in make.ok("status").stdout
    make.ok("results", WAIT=1)
    assert "asked to cancel" not in make.ok("status").stdout
    assert sorted(make.results().values()) == ["cancelled", "cancelled", "ok"]


def test_a_job_of_another_checkout_is_named_and_adopted(make):
    make.ok("submit")
    shutil.rmtree(make.root / "data" / "runs")
    make.refused("submit", says="ADOPT=1")
    assert (
        "3 requests taken over, nothing is sent; next: `make results`"
        in make.ok("submit", "results", ADOPT=1).stdout
    )
    assert make.server.invoice == [["a", "b", "c"]]
    make.talks("a", "b", "c", "d")
    make.refused("submit", says="nothing is sent. `make submit` pays for them", ADOPT=1)
    assert make.server.invoice == [["a", "b", "c"]]


def test_without_transcripts_nothing_is_guessed(make):
    make.refused("submit", says="no run `default`; there is none yet. `make batch TRANSCRIPTS=…`", TRANSCRIPTS="")
    make.refused("batch", says="no input: name files or folders", TRANSCRIPTS="")
    assert make.server.requests == []


def test_a_wrong_provider_is_named_and_leaves_nothing_behind(make):
    make.refused("submit", says="no provider 'nope' is installed; `make providers` lists", PROVIDER="nope")
    make.refused("submit", says="nowhere: no such file or folder", TRANSCRIPTS="nowhere")
    assert not (make.root / "data" / "runs").exists()


def test_without_a_key_nothing_is_sent_and_the_variable_is_named(make):
    del make.env["TOGETHER_API_KEY"]
    make.refused("submit", says="set TOGETHER_API_KEY in the environment")
    assert make.server.requests == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RUN", "$(shell touch pwned)"),
        ("MODEL", "$(shell touch pwned)"),
        ("VENV", "$(shell touch pwned)"),
        ("BEDROCK_BUCKET", "$(shell touch pwned)"),
        ("TMPDIR", "$(shell touch pwned)"),
        ("RUN", "../x"),
        ("RUN", "a b"),
        ("RUN", "a'b"),
        ("RUN", ""),
        ("RUN", "default "),
        ("MAKECMDGOALS", "submit"),
        ("MAKEFLAGS", "-i"),
        ("SHELL", "/bin/echo"),
        ("PROVIDER", "x;touch pwned"),
        ("PROVIDER", "--help"),
    ],
)
def test_hostile_values_are_refused(name, value, make):
    for flag in ("-n", "-s"):
        make("batch", flag, **{name: value})
    assert make("batch", **{name: value}).returncode == 2
    assert not list(make.root.rglob("pwned"))


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("SAMPEL", "SAMPLE"),
        ("BUDGDET", "BUDGET"),
        ("PROVDER", "PROVIDER"),
        ("MODLE", "MODEL"),
        ("RTRY", "RETRY"),
        ("MAXTOKENS", "MAX_TOKENS"),
        ("sample", "SAMPLE"),
        ("TOGEHTER_BASE_URL", "TOGETHER_BASE_URL"),
        ("BEDROCK_BUKET", "BEDROCK_BUCKET"),
        ("VLLM_ARG", "VLLM_ARGS"),
        ("MAX_TOKEN", "MAX_TOKENS"),
    ],
)
def test_a_mistyped_variable_is_refused_with_the_right_one(typed, right, make):
    make.refused("submit", says=f"{typed} is no variable of this project; {right}?", **{typed: 1})
    assert make.server.requests == [] and not (make.root / "data/runs").exists()


@pytest.mark.parametrize("goal", ["submit", "results", "status", "help", "clean"])
def test_every_goal_refuses_it_in_a_file_too(goal, make):
    for path in (make.root / "local.mk", make.root / "data/runs/default/run.mk"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("WAIT = 1\nSAMPEL = 5\n")
        make.refused(goal, says="SAMPEL is no variable of this project; SAMPLE?")
        make.env["RTRY"] = "1"
        path.write_text("RTRY = 1\n")
        make.refused(goal, says="RTRY is no variable of this project; RETRY?")
        path.write_text(
            "BUDGET := $(shell echo 5)\nPOLL = 1\nBEDROCK_BUCKET = x\nOPENAI_BASE_URL = x\n"
            "export CUDA_VISIBLE_DEVICES = 0\n"
        )
    assert make(goal, "-n").returncode == 0
    assert make.server.requests == []


def test_a_plugin_declares_its_own_variables(make):
    info = make.root / "batch_acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: batch-acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nacme = batch_acme\n")
    (make.root / "batch_acme.py").write_text(
        "from providers.local import Local\nfrom pipeline.hookspecs import hookimpl\n"
        "class Acme(Local):\n    name, variables = 'acme', ('ACME_REGION',)\n"
        "@hookimpl\ndef batch_provider():\n    return Acme()\n"
    )
    make.ok("batch", PROVIDER="acme", ACME_REGION="north")
    make.refused(
        "batch", says="ACME_REGIO is no variable of this project; ACME_REGION?", PROVIDER="acme", ACME_REGIO=1
    )
    make.ok("batch", ACME_REGION="north")  # the run is at acme
    make.refused("batch", says="ACME_REGION is no variable of this project", ACME_REGION="north", RUN="other")


def test_names_of_variables_are_no_commands(make):
    for name in ("a;touch", "a'b", "a`touch`", "a|b"):
        make.refused("status", says="is no variable of this project", **{name: 1})


def test_a_key_is_taken_from_the_environment_only(make):
    make.refused("submit", says="OPENAI_API_KEY: a key comes from the environment only", OPENAI_API_KEY="k-typed")
    (make.root / "local.mk").write_text("export TOGETHER_API_KEY = k-kept\n")
    make.refused("submit", says="TOGETHER_API_KEY: a key comes from the environment only")
    assert make.server.requests == []


def test_an_empty_variable_reaches_no_program(make):
    (make.root / "shown.mk").write_text("include Makefile\nshown:\n\t@env\n")
    seen = make.ok("-f", "shown.mk", "shown", SAMPLE=2).stdout
    assert "SAMPLE=2" in seen.split("\n") and "VERBOSE=" not in seen


def test_spaces_and_quotes_in_values_arrive(make):
    folder = make.root / "it's my talks"
    folder.mkdir()
    (folder / "one talk.txt").write_text("words")
    (make.root / "my prompt.md").write_text('Say "no"; then stop & wait.')
    make.ok(
        "batch", TRANSCRIPTS="it's my talks", PROMPT="my prompt.md", MODEL='it\'s "a" model', EXTRA='{"seed": 7}'
    )
    body = read_jsonl(make.root / "data/runs/default/together/batch.jsonl")[0]["body"]
    assert body["model"] == 'it\'s "a" model'
    assert body["messages"][0]["content"] == 'Say "no"; then stop & wait.'
    assert body["seed"] == 7


def test_make_alone_lists_the_goals_and_says_where_the_run_stands(make):
    out = make.ok().stdout
    assert "make submit" in out
    assert "`make batch TRANSCRIPTS=…` turns transcripts into requests" in out


def test_the_key_is_in_no_output_and_no_file(make):
    make.server.fault("create", "401")
    said = make("submit")
    said = said.stdout + said.stderr + make.ok("submit", "results", "-n").stdout
    files = b"".join(path.read_bytes() for path in (make.root / "data").rglob("*") if path.is_file())
    assert "k-make" not in said + files.decode("utf-8", "replace")


def test_make_j_runs_the_stages_in_order(make):
    make.ok("-j8", "batch", "submit", "results")
    assert make.server.invoice == [["a", "b", "c"]]


def test_a_sample_first_then_the_rest(make):
    make.talks("a", "b", "c", "d", "e")
    plan = make.ok("plan").stdout
    assert "pending    5 of 5 requests" in plan and make.server.requests == []
    assert "2 sent now; 3 of 5 requests not sent yet" in make.ok("submit", SAMPLE=2).stdout
    assert "unsent   3 requests of the batch, which `make submit` sends" in make.ok("status").stdout
    make.ok("results")
    assert sorted(make.results().values()) == ["ok", "ok", "unsent", "unsent", "unsent"]
    assert "`make submit` sends what was not sent yet" in make.ok("status").stdout
    make.ok("submit", "results")
    assert set(make.results().values()) == {"ok"}
    assert sorted(name for job in make.server.invoice for name in job) == ["a", "b", "c", "d", "e"]


def test_the_commands_of_the_readme_work_as_they_are_printed(make):
    """With no model and no price given: only that at once is known, which is the most that a batch costs."""
    plan = make.ok("plan").stdout
    assert "at once, the most that a batch costs, as no batch price is published" in plan
    make.ok("submit", SAMPLE=2)
    make.ok("submit", BUDGET=20)
    make.ok("results", WAIT=1)
    assert set(make.results().values()) == {"ok"}
    assert " at most, as no batch price is published" in make.ok("status").stdout
    make.refused("submit", says="BUDGET=0.0001", BUDGET="0.0001", RUN="other")


def test_a_budget_is_kept_and_what_was_sent_can_be_collected(make):
    make.refused("submit", says="the price of nobody/knows is not known", BUDGET=5, MODEL="nobody/knows")
    money = {"PRICE_IN": 1000, "PRICE_OUT": 0}
    make.refused("submit", says="$0.00 so far", BUDGET="0.001", **money)
    assert make.server.invoice == [] and make.server.files == {}
    make.ok("submit", SAMPLE=1, BUDGET=5, **money)
    (make.root / "data/runs/default/together/submitted.json").unlink()
    make.refused("results", says="PARTIAL=1 collects the others", **money)
    make.ok("results", PARTIAL=1, **money)
    assert sorted(make.results().values()) == ["ok", "unsent", "unsent"]
    assert "cost     $" in make.ok("status", **money).stdout

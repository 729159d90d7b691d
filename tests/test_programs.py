"""The command behind the goals, as programs call it: from any folder, with exit codes, JSON and a notice."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, read_jsonl, write_jsonl

SLIPS = {
    "submit --id a --id b": "--id stands there twice",
    "--home a --home b status": "--home stands there twice",
    "--home . status --home .": "--home stands there twice",
    'submit --id "$UNSET"': "--id has no value",
    'submit --home ""': "--home has no value",
    '--home "" submit': "--home has no value",
}
RECIPES = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs/programs.md").read_text("utf-8"), re.M | re.S)


@pytest.fixture
def shell(tmp_path, server, warm):
    """`shell(words)` runs them with `transcript-batch` on the path; the finished process."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "transcript-batch"
    command.write_text(f'#!/bin/sh\nset -- -m pipeline "$@"\n{warm}')
    command.chmod(0o755)
    env = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    env |= {"TOGETHER_API_KEY": "k", "TOGETHER_BASE_URL": server.url, "SETTLE": "0", "POLL": "0", "COLUMNS": "1000"}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write_jsonl(elsewhere / "talks.jsonl", [{"id": name, "text": f"words of {name}"} for name in "abc"])

    def call(words: str) -> subprocess.CompletedProcess:
        return subprocess.run(["sh", "-c", words], cwd=elsewhere, env=env, capture_output=True, text=True)

    return call


def test_from_any_folder_it_is_the_run_that_make_has(shell, tmp_path, server):
    home = tmp_path / "home"
    home.mkdir()
    for words in ("submit --run x", "submit", "try", "submit --provider openai"):
        done = shell(f"transcript-batch --home {home} {words}")
        assert done.returncode == 2 and "`make batch" in done.stderr, done.stderr
    for words, says in SLIPS.items():
        done = shell(f"transcript-batch {words}")
        assert done.returncode == 2 and says in done.stderr, done
    at = f"transcript-batch --home {home}"
    assert shell(f"{at} batch talks.jsonl --run x --prompt topics --max-tokens 70").returncode == 0
    made = yaml.safe_load((home / "data/runs/x/run.yaml").read_text())["together"]
    assert made["variables"]["PROMPT"] == "topics" and "chapters" not in str(made["variables"])
    assert shell(f"TRANSCRIPT_BATCH_HOME={home} transcript-batch plan --run x").returncode == 0
    other = shell(f"TRANSCRIPT_BATCH_HOME={home} transcript-batch plan --run x --home ..")
    assert other.returncode == 2 and "no run `x`" in other.stderr  # of the folder that one is in
    assert shell(f"{at} submit --run x").returncode == 0
    assert shell(f"{at} results --run x --wait").returncode == 0
    rows = read_jsonl(home / "data/runs/x/together/results.jsonl")
    assert [(row["id"], row["outcome"]) for row in rows] == [("a", "ok"), ("b", "ok"), ("c", "ok")]
    assert not list((tmp_path / "elsewhere").glob("data*"))
    gone = shell("transcript-batch --home nowhere status")
    assert gone.returncode == 2 and "nowhere: no such folder; TRANSCRIPT_BATCH_HOME or --home" in gone.stderr


def test_what_is_read_is_remembered_as_under_make(shell, tmp_path, server):
    """A second night: `batch` reads what the first one named again."""
    home = tmp_path / "home"
    home.mkdir()
    at = f"transcript-batch --home {home}"
    assert shell(f"{at} batch talks.jsonl --run x --temperature 0.5").returncode == 0
    made = yaml.safe_load((home / "data/runs/x/run.yaml").read_text())["together"]["variables"]
    talks = tmp_path / "elsewhere/talks.jsonl"
    assert made == {"TRANSCRIPTS": str(talks), "TEMPERATURE": 0.5}
    assert shell(f"{at} submit --run x").returncode == 0
    write_jsonl(talks, [*read_jsonl(talks), {"id": "d", "text": "words of d"}])
    assert shell(f"{at} batch --run x").returncode == 0
    assert "1 sent now" in shell(f"{at} submit --run x").stdout
    assert server.invoice == [["a", "b", "c"], ["d"]]
    talks.rename(tmp_path / "gone.jsonl")
    gone = shell(f"{at} batch --run x")
    assert gone.returncode == 2 and "talks.jsonl: no such file" in gone.stderr
    assert shell(f"{at} results --run x --wait").returncode == 0


def test_retry_takes_another_model_and_ids_from_a_file(shell, tmp_path, server):
    server.errors = {"b": "overloaded"}
    (tmp_path / "elsewhere/some.txt").write_text("c\nb\n")
    home = tmp_path / "home"
    home.mkdir()
    at = f"transcript-batch --home {home}"
    shell(f"{at} batch talks.jsonl")
    assert shell(f"{at} submit --id some.txt").returncode == 0
    shell(f"{at} results --wait")
    server.errors = {}
    done = shell(f"{at} submit --retry --model meta/other")
    assert done.returncode == 0 and "with MODEL=meta/other: 1 request without an answer" in done.stderr, done
    assert server.invoice == [["b", "c"], ["b"]]


def test_json_says_where_a_run_stands_however_it_ends(shell, tmp_path, server):
    home = tmp_path / "home"
    home.mkdir()
    assert shell(f"transcript-batch batch talks.jsonl --home {home}").returncode == 0  # after the command too
    low = "submit --budget 0.0000001"
    ends = (("results", 3, "never submitted"), (low, 5, "BUDGET"), ("results --run typo", 2, "no run"))
    for words, code, says in ends:
        done = shell(f"transcript-batch {words} --home {home} --json")
        facts = json.loads(done.stdout)
        assert done.returncode == facts["code"] == code and says in facts["error"]
    server.polls_needed, server.errors = 99, {"a": "no"}
    shell(f"transcript-batch submit --home {home}")
    done = shell(f"transcript-batch results --home {home} --json")
    assert done.returncode == 75 and [job["state"] for job in json.loads(done.stdout)["jobs"]] == ["running"]
    server.polls_needed = 0
    done = shell(f"transcript-batch results --home {home} --json --wait --strict")
    assert done.returncode == 3 and json.loads(done.stdout)["outcomes"] == {"ok": 2, "error": 1}
    (run,) = json.loads(shell(f"transcript-batch runs --home {home} --json").stdout)
    assert (run["requests"], run["begun"], run["answered"]) == (3, 3, 2) and 0 < run["cost_most"] < 1
    assert isinstance(run["age"], int)


def test_paths_with_spaces_are_named_in_quotes(shell, tmp_path, server):
    home = tmp_path / "home"
    home.mkdir()
    shell(f"transcript-batch batch talks.jsonl --home {home}")
    done = {"response": {"status_code": 200, "body": {"choices": [{"message": {"content": "words"}}]}}}
    for name in ("my a", "my b"):
        write_jsonl(tmp_path / f"elsewhere/{name}.jsonl", [{"custom_id": name[-1], **done}])
    both = "\"'my a.jsonl' 'my b.jsonl'\""
    taken = shell(f"transcript-batch adopt --home {home} --output {both}")
    assert taken.returncode == 0 and "2 requests taken over" in taken.stdout, taken


def test_without_a_prompt_it_is_the_one_of_make(shell, tmp_path):
    assert shell("transcript-batch batch talks.jsonl").returncode == 0
    made = yaml.safe_load((tmp_path / "elsewhere/data/runs/default/run.yaml").read_text())["together"]
    assert next(iter(made["files"])).endswith("data/prompts/summary.md")
    assert "chapters" in shell("transcript-batch prompts").stdout


def test_one_prompt_at_a_new_provider_takes_the_place_of_several(shell, tmp_path):
    assert shell("transcript-batch batch talks.jsonl --prompts 'topics summary'").returncode == 0
    other = "--provider anthropic --model claude-haiku-4-5 --prompt topics"
    assert shell(f"transcript-batch batch talks.jsonl {other}").returncode == 0
    rows = read_jsonl(tmp_path / "elsewhere/data/runs/default/anthropic/batch.jsonl")
    assert [row["custom_id"] for row in rows] == ["a", "b", "c"]


def test_each_end_has_its_exit_code(shell, server):
    assert shell("transcript-batch results").returncode == 2  # no run
    assert shell("transcript-batch batch talks.jsonl").returncode == 0
    assert shell("transcript-batch results").returncode == 3  # nothing was sent
    assert shell("transcript-batch submit --budget 0.0000001").returncode == 5
    server.fault("create", "401")
    assert shell("transcript-batch submit").returncode == 4
    server.polls_needed = 2
    assert shell("transcript-batch submit").returncode == 0
    assert shell("transcript-batch results").returncode == 75
    server.errors = {}
    assert shell("transcript-batch results --wait --strict").returncode == 0
    assert shell("transcript-batch results --nonsense").returncode == 2


def test_json_is_one_object_of_each(shell, server):
    server.errors = {"b": "overloaded"}
    shell("transcript-batch batch talks.jsonl")
    sent = json.loads(shell("transcript-batch submit --json").stdout)
    assert (sent["sent_now"], sent["unsent"], sent["requests"]) == (3, 0, 3)
    assert sent["jobs"][0]["job"] == "batch-0001" and sent["outcomes"] is None
    done = json.loads(shell("transcript-batch results --json").stdout)
    assert done["outcomes"] == {"ok": 2, "error": 1} and "`make submit RETRY=1`" in done["next"]
    assert json.loads(shell("transcript-batch status --json").stdout) == done
    (run,) = json.loads(shell("transcript-batch runs --json").stdout)
    assert (run["run"], run["provider"], run["next"]) == ("default", "together", done["next"])


NOTED = (
    "import json, sys; open('noted.jsonl', 'a').write(json.dumps([json.load(sys.stdin), sys.argv[1:]]) + chr(10))"
)


def test_a_notice_is_given_once_when_a_wait_ends_well_or_not(shell, tmp_path, server):
    (tmp_path / "elsewhere/note.py").write_text(NOTED)
    notify = f"--notify '{sys.executable} note.py $HOME \"a b\"'"
    shell("transcript-batch batch talks.jsonl")
    assert shell(f"transcript-batch results --wait {notify}").returncode == 3
    assert shell(f"transcript-batch submit {notify}").returncode == 0  # it does not wait
    assert shell(f"transcript-batch results --wait {notify}").returncode == 0
    first, second = read_jsonl(tmp_path / "elsewhere/noted.jsonl")
    assert (first[0]["code"], first[0]["goal"], first[0]["outcomes"]) == (3, "results", None)
    assert "never submitted" in first[0]["error"]
    assert second == [
        {
            "goal": "results",
            "run": "default",
            "provider": "together",
            "code": 0,
            "error": None,
            "outcomes": {"ok": 3},
        },
        ["$HOME", "a b"],  # no shell
    ]
    assert shell(f"transcript-batch results --wait --run typo {notify}").returncode == 2
    assert "no run `typo`" in read_jsonl(tmp_path / "elsewhere/noted.jsonl")[2][0]["error"]
    bad = shell("transcript-batch results --wait --notify 'no-such-program x'")
    assert bad.returncode == 0 and "NOTIFY: " in bad.stderr
    assert "NOTIFY" not in (tmp_path / "elsewhere/data/runs/default/run.yaml").read_text()
    (tmp_path / "elsewhere/data/runs/default/run.yaml").write_text(
        "provider: together\ntogether:\n  variables:\n    NOTIFY: touch pwned\n"
    )
    refused = shell("transcript-batch results --wait")
    assert refused.returncode == 2 and "NOTIFY is for one command; leave it out" in refused.stderr


@pytest.mark.parametrize(
    ("end", "code", "says"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGTERM), 143, "143"),
        (lambda: Path("gone/x").write_text(""), 74, "gone/x"),
        (lambda: 1 / 0, 1, "division"),
    ],
)
def test_a_notice_is_given_of_every_end(end, code, says, monkeypatch, tmp_path, run):
    (tmp_path / "note.py").write_text(NOTED)
    monkeypatch.setattr("pipeline.cli.results._collected", lambda given: end())
    monkeypatch.setattr("pipeline.cli.results.check_sent", lambda *words: None)
    monkeypatch.setattr("pipeline.cli.given.Given.known", lambda given: None)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with suppress(ZeroDivisionError):
            assert run("results", "--wait", "--notify", f"{sys.executable} note.py")[0] == code
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    ((noted, _),) = read_jsonl(tmp_path / "noted.jsonl")
    assert noted["code"] == code and says in noted["error"]


def test_a_step_of_a_goal_gives_no_notice_of_its_own(shell, tmp_path):
    """Under make `results` is two commands: the goal ends once."""
    (tmp_path / "elsewhere/note.py").write_text(NOTED)
    notify = f"--wait --notify '{sys.executable} note.py'"
    shell("transcript-batch batch talks.jsonl")
    assert shell(f"transcript-batch submit --no-new-jobs {notify}").returncode == 3
    shell("transcript-batch submit")
    assert shell(f"transcript-batch submit --no-new-jobs {notify}").returncode == 0
    (noted,) = read_jsonl(tmp_path / "elsewhere/noted.jsonl")
    assert (noted[0]["goal"], noted[0]["code"]) == ("results", 3)


def test_the_recipes_work_as_they_are_printed(shell, tmp_path, server):
    nightly, ci, notice = RECIPES
    (tmp_path / "talks").mkdir()
    (tmp_path / "elsewhere/episodes").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/tell.sh").write_text('cat > told.json; echo "$1" > told.txt\n')
    for run in ("podcasts", "interviews", "hearings"):
        shell(f"transcript-batch --home $HOME/talks batch talks.jsonl --run {run} --max-tokens {len(run)}")
    shell("transcript-batch --home $HOME/talks submit --run podcasts")
    shell("transcript-batch --home $HOME/talks results --run podcasts")
    server.polls_needed = 9
    shell("transcript-batch --home $HOME/talks submit --run interviews")
    assert shell(nightly).stdout.split("\n")[:3] == [
        "podcasts: all is there", "interviews: still running", "hearings: not all was sent",
    ]  # fmt: skip
    assert json.loads((tmp_path / "elsewhere/podcasts.json").read_text())["outcomes"] == {"ok": 3}
    server.polls_needed = 0
    (tmp_path / "elsewhere/episodes").unlink()
    (tmp_path / "elsewhere/episodes").mkdir()
    (tmp_path / "elsewhere/talks.jsonl").rename(tmp_path / "elsewhere/episodes/talks.jsonl")
    paid = server.starts()
    for _ in range(2):  # the second time nothing is new
        done = shell(ci)
        assert done.returncode == 0, done.stderr
    assert server.starts() == paid + 1
    assert (tmp_path / "ci/data/runs/nightly/together/results.csv").exists()
    assert shell(notice).returncode == 0
    assert (tmp_path / "elsewhere/told.txt").read_text() == "nightly is done\n"
    assert json.loads((tmp_path / "elsewhere/told.json").read_text())["code"] == 0


def test_a_price_that_is_given_later_reaches_rows_and_table(shell, tmp_path, server):
    shell("transcript-batch batch talks.jsonl --model nobody/knows")
    shell("transcript-batch submit")
    assert "cost: not known" in shell("transcript-batch results").stdout
    priced = shell("transcript-batch results --price-in 10 --price-out 100").stdout
    assert "cost: $0.0013: 36 tokens in and 9 out" in priced
    rows = read_jsonl(tmp_path / "elsewhere/data/runs/default/together/results.jsonl")
    assert [row["cost"] for row in rows] == [pytest.approx(12 * 10e-6 + 3 * 100e-6)] * 3
    assert "cost     $0.0013" in shell("transcript-batch status").stdout

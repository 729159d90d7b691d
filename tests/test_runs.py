"""A run is what it was made with: forgotten, mistyped and changed variables, under real make."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess

import pytest
import yaml

from tests.conftest import read_jsonl
from tests.test_makefile import make  # noqa: F401 (the fixture)


@pytest.fixture
def talks(make):  # noqa: F811
    """A run `talks` that was made with a prompt and a model of its own."""
    make.ok("batch", RUN="talks", PROMPT="topics", MODEL="meta/of-mine", TEMPERATURE=0.5)
    return make


def models(make, provider="together"):  # noqa: F811
    rows = read_jsonl(make.root / f"data/runs/talks/{provider}/batch.jsonl")
    return {(row["body"]["model"], row["body"]["max_tokens"], row["body"].get("temperature")) for row in rows}


def test_the_file_of_a_run_says_all_that_it_was_made_with(talks):
    whole = yaml.safe_load((talks.root / "data/runs/talks/run.yaml").read_text())
    section = whole["together"]
    assert whole["provider"] == "together"
    assert section["variables"] == {
        "TRANSCRIPTS": "talks.jsonl", "MODEL": "meta/of-mine", "PROMPT": "topics", "TEMPERATURE": 0.5,
    }  # fmt: skip
    assert section["defaults"] == {"LONG": "refuse", "OVERLAP": 200}
    assert section["files"] == {"data/prompts/topics.md": (talks.root / "data/prompts/topics.md").read_text()}


def test_what_is_forgotten_is_remembered(talks):
    talks.ok("submit", "results", RUN="talks", TRANSCRIPTS="")
    assert models(talks) == {("meta/of-mine", 800, 0.5)} and len(talks.server.invoice) == 1
    talks.ok("clean", RUN="talks")
    talks.ok("submit", "results", RUN="talks", TRANSCRIPTS="")
    assert models(talks) == {("meta/of-mine", 800, 0.5)} and len(talks.server.invoice) == 1


OTHERS = {
    "MODEL": "other", "PROMPT": "summary", "PROMPTS": "summary topics", "MAX_TOKENS": 7, "LONG": "split",
    "TEMPERATURE": 0.25, "EXTRA": '{"seed": 7}', "TRANSCRIPTS": "other.jsonl", "ENCODING": "cp1252",
}  # fmt: skip


def test_a_goal_that_pays_takes_nothing_that_the_batch_was_not_made_with(talks):
    shutil.copy(talks.root / "talks.jsonl", talks.root / "other.jsonl")
    before = (talks.root / "data/runs/talks/run.yaml").read_bytes()
    for name, value in OTHERS.items():
        says = f"`make batch RUN=talks {name}={shlex.quote(str(value))}` makes it anew (free)"
        talks.refused("submit", RUN="talks", says=says, **{name: value})
    talks.refused("try", RUN="talks", says="MODEL=other, and the batch was made with", MODEL="other")
    assert talks.server.requests == []
    assert (talks.root / "data/runs/talks/run.yaml").read_bytes() == before
    talks.ok("submit", RUN="talks")


def test_the_same_in_other_words_is_the_same(talks):
    talks.ok(
        "submit", RUN="talks", PROMPT="data/prompts/topics.md", TEMPERATURE="0.50", OVERLAP=200, MAX_TOKENS=800
    )


READING = ("results", "status", "plan", "preview", "show", "export", "cancel")


def test_a_goal_that_reads_takes_the_runs_own_and_says_so(talks):
    talks.ok("submit", "results", RUN="talks")
    batch = talks.root / "data/runs/talks/together/batch.jsonl"
    before = batch.read_bytes(), batch.stat().st_mtime_ns
    for goal in READING:
        done = talks.ok(goal, RUN="talks", MODEL="other")
        assert "MODEL=other is not taken: the run has MODEL=meta/of-mine" in done.stderr
        assert (batch.read_bytes(), batch.stat().st_mtime_ns) == before


def test_batch_takes_another_value_and_remembers_it(talks):
    talks.ok("batch", RUN="talks", MODEL="other", MAX_TOKENS=7)
    talks.ok("submit", RUN="talks", TRANSCRIPTS="")
    assert models(talks) == {("other", 7, 0.5)}
    talks.ok("batch", RUN="talks", PROMPTS="summary topics")
    assert {row["custom_id"].partition(".")[2] for row in read_jsonl(
        talks.root / "data/runs/talks/together/batch.jsonl")} == {"summary", "topics"}  # fmt: skip
    talks.ok("batch", RUN="talks", PROMPT="topics")
    assert len(read_jsonl(talks.root / "data/runs/talks/together/batch.jsonl")) == 3


def test_a_changed_prompt_is_not_paid_for_before_it_was_seen(talks):
    prompt = talks.root / "data/prompts/topics.md"
    was = prompt.read_text()
    prompt.write_text(was.replace("3 to 12 topics", "one topic"))
    talks.refused("submit", RUN="talks", says="data/prompts/topics.md has changed since the batch was made")
    prompt.write_text(was)
    talks.ok("submit", RUN="talks")


def test_the_file_may_be_edited_and_is_checked_with_its_lines(talks):
    path = talks.root / "data/runs/talks/run.yaml"
    was = path.read_text()
    path.write_text(was.replace("meta/of-mine", "edited"))
    talks.refused("submit", RUN="talks", says="MODEL=edited, and the batch was made with MODEL=meta/of-mine")
    talks.ok("batch", RUN="talks")
    assert models(talks) == {("edited", 800, 0.5)}
    for wrong, says in (
        (
            was.replace("TEMPERATURE: 0.5", "TEMPERATURE: 7"),
            "run.yaml:9: TEMPERATURE: 7 is greater than the maximum",
        ),
        (
            was.replace("TEMPERATURE: 0.5", "TEMPERATUR: 1"),
            "TEMPERATUR is no variable of this project; TEMPERATURE?",
        ),
        (was.replace("TEMPERATURE: 0.5", "REPLACE: true"), "run.yaml:9: REPLACE is for one command"),
        ("[a, b\n", "run.yaml: while parsing a flow sequence"),
        ("provider: together\ntogether: 7\n", "run.yaml:2: a section has variables, defaults, files"),
    ):
        path.write_text(wrong)
        talks.refused("batch", RUN="talks", says=says)
        assert talks.server.requests == []


def test_each_provider_has_its_own_and_one_is_current(talks):
    talks.env["ANTHROPIC_API_KEY"] = "k"
    talks.ok("batch", RUN="talks", PROVIDER="anthropic", MODEL="claude-haiku-4-5")
    assert models(talks, "anthropic") == {("claude-haiku-4-5", 800, None)}  # the prompt is the run's
    assert "provider anthropic" in talks.ok("status", RUN="talks").stdout
    talks.ok("batch", RUN="talks", PROVIDER="together")
    assert models(talks) == {("meta/of-mine", 800, 0.5)}
    assert "provider together" in talks.ok("status", RUN="talks").stdout


def test_a_run_is_not_moved_by_a_goal_that_does_not_make_its_batch(make):  # noqa: F811
    """Another provider is another price: its batch is to be seen first."""
    make.env |= {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": make.server.url, "CONFIRM": "0"}
    make.ok("batch")
    there = {"PROVIDER": "openai", "MODEL": "gpt-5-mini"}
    says = "default is at together, not at openai: `make batch PROVIDER=openai` makes requests for there (free)"
    for goals in (("submit",), ("try",), ("results",), ("plan",), ("preview",), ("adopt",)):
        make.refused(*goals, says=says, **there)
    make.env["PROVIDER"] = "openai"
    make.refused("submit", says=says)
    del make.env["PROVIDER"]
    assert (make.root / "data/runs/default/run.yaml").read_text().startswith("# ")
    assert "provider: together\n" in (make.root / "data/runs/default/run.yaml").read_text()
    assert make.server.requests == []
    make.ok("batch", **there)  # at both now, and what is refused does not move it back
    make.refused("submit", says="MODEL=other, and the batch was made", PROVIDER="together", MODEL="other")
    assert "provider: openai\n" in (make.root / "data/runs/default/run.yaml").read_text()


def test_local_mk_has_its_say_before_a_run_is_made(talks):
    (talks.root / "local.mk").write_text("MODEL = of-every-run\nLONG = split\nCONTEXT = 9000\n")
    talks.ok("submit", RUN="talks")
    assert models(talks) == {("meta/of-mine", 800, 0.5)}
    talks.ok("batch", RUN="new")
    (row, *_) = read_jsonl(talks.root / "data/runs/new/together/batch.jsonl")
    assert row["body"]["model"] == "of-every-run"
    assert (
        yaml.safe_load((talks.root / "data/runs/new/run.yaml").read_text())["together"]["variables"]["LONG"]
        == "split"
    )


def test_a_run_mk_is_read_once_as_data(make):  # noqa: F811
    path = make.root / "data/runs/talks/run.mk"
    path.parent.mkdir(parents=True)
    path.write_text("# mine\nMODEL = of-mine   # the good one\nexport MAX_TOKENS ?= 7\n")
    make.ok("batch", RUN="talks")
    assert models(make) == {("of-mine", 7, None)}
    assert not path.exists() and path.with_name("run.mk.old").exists()
    make.ok("submit", RUN="talks")
    other = make.root / "data/runs/other/run.mk"
    other.parent.mkdir()
    for words, says in (("MODEL := $(shell touch pwned)\n", "other/run.mk:1: only `NAME = value` is read here"),
                        ("MAX_TOKENS = 0\n", "run.mk:1: MAX_TOKENS: 0 is less than the minimum"),
                        ("include x.mk\n", "run.mk:1: only `NAME = value`")):  # fmt: skip
        other.write_text(words)
        make.refused("batch", RUN="other", says=says)
    assert not list(make.root.rglob("pwned"))


def test_the_sources_may_go(talks):
    talks.ok("submit", "results", RUN="talks")
    (talks.root / "talks.jsonl").unlink()
    for goal in ("results", "show", "export", "status", "plan", "cancel", "preview"):
        talks.ok(goal, RUN="talks", TRANSCRIPTS="")
    assert "the batch is sent as it was made" in talks.ok("submit", RUN="talks", TRANSCRIPTS="").stderr
    talks.refused("batch", RUN="talks", TRANSCRIPTS="", says="talks.jsonl: no such file or folder")
    talks.ok("clean", RUN="talks")
    for goal in ("results", "show"):
        talks.ok(goal, RUN="talks", TRANSCRIPTS="")
    assert "the batch is sent as it was made" in talks.ok("submit", RUN="talks", TRANSCRIPTS="").stderr
    assert len(talks.server.invoice) == 1


def test_a_run_that_is_not_there_is_named_and_none_is_made(talks):
    elsewhere = {"PROVIDER": "openai", "TRANSCRIPTS": ""}
    for goal in READING:
        talks.refused(goal, RUN="tolks", TRANSCRIPTS="", says="no run `tolks`; talks? `make batch RUN=tolks")
        talks.refused(goal, RUN="talks", says="talks is at together, not at openai", **elsewhere)
    assert sorted(path.name for path in (talks.root / "data/runs").iterdir()) == ["talks"]


def test_all_runs_are_listed(talks):
    talks.ok("submit", "results", RUN="talks")
    talks.ok("batch", RUN="second")
    out = talks.ok("runs").stdout
    first, goal, second, other = (line.split() for line in out.rstrip("\n").split("\n")[1:])
    assert (first[:4], second[:3]) == (["talks", "together", "3", "3"], ["second", "together", "3"])
    assert goal[-4:] == ["complete;", "`make", "show", "RUN=talks`"] and other[:3] == [
        "`make",
        "submit",
        "RUN=second`",
    ]


def test_a_key_goes_to_no_server_that_only_a_file_names(make, monkeypatch):  # noqa: F811
    """run.yaml may come from somebody else."""
    make.env["SOME_KEY"] = "k-secret"
    url = f"{make.server.url}/v1"
    make.ok("batch", RUN="talks", PROVIDER="custom", MODEL="m", BASE_URL=url, KEY_ENV="SOME_KEY")
    (make.root / "data/servers.txt").unlink()  # as if the run came from another checkout
    done = make("submit", RUN="talks")
    assert done.returncode == 2 and "only talks/run.yaml says that this key goes there" in done.stderr
    assert make.server.requests == []
    make("submit", RUN="talks", BASE_URL=url, KEY_ENV="SOME_KEY")
    assert make.server.requests


def test_a_key_of_its_own_variable_goes_to_no_such_server_either(make):  # noqa: F811
    make.env["AZURE_OPENAI_API_KEY"] = "k-secret"
    url = f"{make.server.url}/v1"
    make.ok("batch", RUN="talks", PROVIDER="azure", MODEL="m", BASE_URL=url)
    (make.root / "data/servers.txt").unlink()
    for goal in ("submit", "try"):
        done = make(goal, RUN="talks")
        assert (
            done.returncode == 2
            and "only talks/run.yaml says that this key goes there; type BASE_URL" in done.stderr
        )
    assert make.server.requests == []
    make("submit", RUN="talks", BASE_URL=url)
    assert make.server.requests


@pytest.mark.parametrize("typed", [{"KEY_ENV": "sk-a-key-itself"}, {"BASE_URL": "http://u:sk-a-key-itself@host/v1"},
                                   {"BASE_URL": "https://host/v1?key=sk-a-key-itself"}])  # fmt: skip
def test_a_key_where_a_name_or_an_address_belongs_is_not_repeated(typed, make):  # noqa: F811
    how = {"BASE_URL": "https://host/v1", "KEY_ENV": "SOME_KEY", **typed}
    done = make("batch", RUN="talks", PROVIDER="custom", MODEL="m", **how)
    assert done.returncode == 2 and "sk-a-key" not in done.stdout + done.stderr
    written = [path.read_bytes() for path in (make.root / "data").rglob("*") if path.is_file()]
    assert not any(b"sk-a-key" in data for data in written)


def test_a_line_that_is_taken_away_is_a_change_too(talks):
    path = talks.root / "data/runs/talks/run.yaml"
    was = path.read_text()
    for line in ("    MODEL: meta/of-mine\n", "    PROMPT: topics\n", "    TEMPERATURE: 0.5\n"):
        path.write_text(was.replace(line, ""))
        talks.refused("submit", RUN="talks", says="and the batch was made with " + line.split(":")[0].strip())
    talks.ok("batch", RUN="talks")
    talks.ok("submit", RUN="talks")


def test_without_its_file_a_run_is_still_what_it_was_made_with(talks):
    (talks.root / "data/runs/talks/run.yaml").unlink()
    talks.refused(
        "submit", RUN="talks", says="MODEL is not said any more, and the batch was made with MODEL=meta/of-mine"
    )
    talks.ok("clean", RUN="talks")
    talks.refused("submit", RUN="talks", says="and the batch was made with MODEL=meta/of-mine")
    assert talks.server.requests == []


@pytest.mark.parametrize("gone", [("settings", "asked.json"), ("settings", "asked.json", "batch.jsonl")])
def test_by_its_file_alone_a_run_is_what_it_was_made_with(gone, talks):
    for name in gone:
        (talks.root / "data/runs/talks/together" / name).unlink()
    talks.refused(
        "submit", RUN="talks", MODEL="other", says="MODEL=other, and the batch was made with MODEL=meta/of"
    )
    talks.ok("submit", RUN="talks")
    assert len(talks.server.invoice) == 1


def test_what_a_batch_was_to_be_made_with_is_not_forgotten_because_it_failed(make):  # noqa: F811
    make.refused("batch", RUN="talks", MODEL="mine", PROMPT="tpoics", says="tpoics: No such file")
    for goal in ("submit", "plan", "results", "batch"):
        make.refused(goal, RUN="talks", TRANSCRIPTS="", says="tpoics: No such file")
    assert make.server.requests == []
    make.ok("batch", RUN="talks", TRANSCRIPTS="", PROMPT="topics")
    assert models(make) == {("mine", 800, None)}


def test_a_value_that_no_goal_takes_is_refused_before_anything_is_made(talks):
    talks.ok("submit", "results", RUN="talks")
    talks.talks("a", "b", "c", "d")
    talks.refused("submit", RUN="talks", SAMPLE="x", says="SAMPLE=x: a whole number from 1")
    talks.ok("results", RUN="talks")


SLIPS = {
    "N=3 is for `make try RUN=talks`": {"N": "3"},
    "STRICT=1 is for `make results RUN=talks`": {"STRICT": "1"},
    "PARTIAL=1 is for `make results RUN=talks`": {"PARTIAL": "1"},
    "LIVE_RPM=5 is not for PROVIDER=together": {"LIVE_RPM": "5"},
    "which takes TOGETHER_BASE_URL": {"BASE_URL": "http://127.0.0.1:9/v1"},
    "OPENAI_BASE_URL=http://127.0.0.1:9 is not for PROVIDER=together": {"OPENAI_BASE_URL": "http://127.0.0.1:9"},
    "PROMPT and PROMPTS cannot both count": {"PROMPT": "topics", "PROMPTS": "topics summary"},
    "ADOPT and RETRY cannot both count": {"ADOPT": "1", "RETRY": "1"},
    "ADOPT and AGAIN cannot both count": {"ADOPT": "1", "AGAIN": "0001"},
    # BUDGET=$5 is BUDGET= when the shell is done with it
    **{f"{name}= has no value (a shell takes $5": {name: ""} for name in ("BUDGET", "SAMPLE", "MODEL", "ID")},
}


@pytest.mark.parametrize("says", SLIPS)
def test_a_variable_that_the_goal_does_not_take_is_a_slip(says, run, monkeypatch):
    typed = {"RUN": "talks", "TRANSCRIPTS": "talks.jsonl", **SLIPS[says]}
    told = {
        "GOALS": "submit",
        "LINE": " ".join(typed),
        "TYPED": " ".join(name for name, value in typed.items() if value),
    }
    for name, value in {**typed, **{f"TRANSCRIPT_BATCH_{name}": value for name, value in told.items()}}.items():
        monkeypatch.setenv(name, value)
    code, _, err = run("settings")
    assert code == 2 and says in err and "; nothing is sent" in err


def test_such_a_slip_pays_for_nothing(talks):
    talks.refused("submit", RUN="talks", says="N=3 is for `make try RUN=talks`; nothing is sent", N=3)
    talks.refused("submit", RUN="talks", says="BUDGET= has no value", BUDGET="")
    talks.refused("try", RUN="talks", says="SAMPLE=5 is for `make plan RUN=talks` and", SAMPLE=5)
    assert "SAMPLE=5 is for" in talks.ok("batch", RUN="talks", SAMPLE=5).stderr
    talks.env["BUDGET"] = ""  # BUDGET=$LIMIT make submit, with no such LIMIT
    talks.refused("submit", RUN="talks", says="BUDGET= has no value")
    del talks.env["BUDGET"]
    for flag in ("-i", "--touch", "-kis", "-e"):
        talks.refused("submit", flag, RUN="talks", says="goes past what was refused")
    assert talks.server.requests == []
    talks.env |= {"N": "4", "BASE_URL": "http://127.0.0.1:9"}  # of the environment they may be for others
    talks.ok("submit", RUN="talks")


WAYS = (("-o", "data/runs/talks/together/settings"), ("-o", "data/runs/talks/together/batch.jsonl"))


def test_whichever_way_make_comes_to_submit_only_the_batch_as_made_is_paid(talks):
    for way, typed in zip(
        WAYS * 2, ({"MODEL": "other"}, {"PROMPT": "summary"}, {"N": 3}, {"MODEL": "other"}), strict=True
    ):
        words = [f"{name}={value}" for name, value in {"RUN": "talks", **typed}.items()]
        done = subprocess.run(["make", "submit", *way, *words], cwd=talks.root, env=talks.env, capture_output=True)
        assert done.returncode and b"nothing is sent" in done.stderr, done
    assert talks.server.invoice == []


def test_a_batch_that_nobody_knows_is_not_paid_and_make_batch_makes_it_known(talks):
    folder = talks.root / "data/runs/talks/together"
    (talks.root / "data/runs/talks/run.yaml").unlink()
    for name in ("asked.json", "settings"):
        (folder / name).unlink()
    talks.refused("submit", RUN="talks", says="was made with is not known any more; nothing is sent")
    talks.ok("batch", RUN="talks", PROMPT="topics", MODEL="meta/of-mine", TEMPERATURE=0.5)
    (folder / "asked.json").write_text("")
    talks.refused("submit", RUN="talks", says="asked.json is damaged; `make batch RUN=talks` writes it anew")
    talks.ok("batch", RUN="talks")
    talks.ok("submit", RUN="talks")
    assert len(talks.server.invoice) == 1


def test_a_default_that_was_edited_counts_once_the_batch_is_made_with_it(make):  # noqa: F811
    make.ok("batch", RUN="talks", PROMPT="demo", MODEL="m")
    path = make.root / "data/runs/talks/run.yaml"
    path.write_text(path.read_text().replace("MAX_TOKENS: 4000", "MAX_TOKENS: 50"))
    make.refused("submit", RUN="talks", says="MAX_TOKENS=50, and the batch was made with MAX_TOKENS=4000")
    make.ok("batch", RUN="talks")
    assert models(make) == {("m", 50, None)}


def test_what_cannot_be_made_is_said_and_not_advised(talks):
    talks.refused(
        "submit", RUN="talks", PROMPT="sumary", says="sumary: No such file or directory; name a text file"
    )
    talks.refused("submit", RUN="talks", EXTRA="{seed}", says="EXTRA")
    talks.refused("submit", RUN="talks", TRANSCRIPTS="nowhere", says="nowhere: no such file or folder")
    talks.ok("submit", RUN="talks", PROMPT="./data/prompts/topics.md", TRANSCRIPTS="./talks.jsonl", EXTRA="{}")


def test_a_batch_and_an_index_of_another_are_not_paid(talks):
    batch = talks.root / "data/runs/talks/together/batch.jsonl"
    whole = batch.read_bytes()
    first, *rest = whole.splitlines(keepends=True)
    for other in (b"".join(rest), b"".join(reversed([first, *rest])), whole + first.replace(b'"a"', b'"z"')):
        batch.write_bytes(other)
        talks.refused("submit", RUN="talks", says="does not belong to")
    assert talks.server.invoice == []


def test_a_plan_says_what_has_changed_since_the_batch_was_made(talks):
    talks.ok("submit", "results", RUN="talks")
    assert "changed" not in talks.ok("plan", RUN="talks").stderr
    talks.talks("a", "b", "c", "d")
    (talks.root / "data/prompts/topics.md").write_text("Other words.\n")
    said = talks.ok("plan", RUN="talks").stderr
    assert "the transcripts have changed, and `make submit RUN=talks` reads them anew" in said
    assert "data/prompts/topics.md has changed: `make submit RUN=talks` refuses until" in said


def test_goals_that_are_named_are_of_the_run(talks):
    said = talks.ok("submit", RUN="talks").stdout + talks.ok("status", RUN="talks").stdout
    said += talks.ok("plan", RUN="talks").stdout + talks("results", RUN="talks", STRICT=1).stderr
    assert "`make results RUN=talks`" in said and not re.search(r"`make (submit|results|plan|batch)`", said)


@pytest.mark.parametrize("goals", [("preview",), ("-B", "plan"), ("-B", "results")])
def test_a_goal_that_reads_never_takes_what_is_typed(goals, talks):
    talks.ok("submit", "results", RUN="talks")
    talks.ok("clean", RUN="talks")
    before = (talks.root / "data/runs/talks/run.yaml").read_bytes()
    talks.ok(*goals, RUN="talks", MODEL="other", PROMPT="summary")
    assert models(talks) == {("meta/of-mine", 800, 0.5)}
    assert (talks.root / "data/runs/talks/run.yaml").read_bytes() == before
    talks.ok("submit", RUN="talks")
    assert len(talks.server.invoice) == 1


def test_a_word_beside_submit_that_is_no_goal_pays_for_nothing(talks):
    for words in (("SAMPLE", "1"), ("resutls",), ("BUDGET:0.01",), ("MODEL",)):
        done = talks("submit", *words, RUN="talks")
        assert done.returncode == 2 and "and nothing is sent" in done.stderr
    assert talks.server.requests == []


def test_transcripts_of_local_mk_begin_no_run_whose_name_is_mistyped(talks):
    (talks.root / "local.mk").write_text("TRANSCRIPTS = talks.jsonl\n")

    def goal(*words):
        return subprocess.run(["make", *words], cwd=talks.root, env=talks.env, capture_output=True, text=True)

    done = goal("submit", "RUN=tlaks")
    assert done.returncode == 2 and "no run `tlaks`" in done.stderr and talks.server.requests == []
    for words in (("batch", "RUN=second"), ("submit", "RUN=second")):
        assert goal(*words).returncode == 0, words


def test_words_for_one_command_do_not_stand_in_local_mk(talks):
    (talks.root / "local.mk").write_text("REPLACE = 1\n")
    talks.refused("submit", RUN="talks", says="REPLACE is for one command: take it out of local.mk")


def test_one_of_a_pair_that_is_typed_does_not_make_the_other_trusted(make):  # noqa: F811
    make.env["SOME_KEY"] = "k-secret"
    url = f"{make.server.url}/v1"
    make.ok("batch", RUN="talks", PROVIDER="custom", MODEL="m", BASE_URL=url, KEY_ENV="SOME_KEY")
    (make.root / "data/servers.txt").unlink()
    for some in ({"KEY_ENV": "SOME_KEY"}, {"BASE_URL": url}):
        make("submit", RUN="talks", **some)
        assert not any("k-secret" in str(request) for request in make.server.requests)


def test_a_broken_file_is_told_and_is_no_traceback(talks):
    for text in (
        "provider: together\ntogether:\n  variables: [a]\n",
        "provider: together\ntogether: &t\n  variables: *t\n",
        "provider: together\ntogether:\n  variables:\n    MODEL: a\n    MODEL: b\n",
    ):
        (talks.root / "data/runs/talks/run.yaml").write_text(text)
        done = talks("submit", RUN="talks")
        assert done.returncode == 2 and "Traceback" not in done.stderr and "run.yaml" in done.stderr
    assert talks.server.requests == []

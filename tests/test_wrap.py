"""What is said fits 80 columns: every help text, error, note and table, and a command stands whole on its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pipeline.cli as door
from pipeline.cli.wrap import entries, wrapped
from pipeline.errors import SpendError
from tests.test_kept import make, ok, server  # noqa: F401 (fixtures)

# What goes out as it is: JSON, blocks that are wrapped where they are made, and what Make reads.
PLAIN = {
    "main.py",
    "progress.py",
    "preview.py",
    "print_facts.py",
    "runs.py",
    "show.py",
    "try_few.py",
    "variables.py",
}
WHOLE = re.compile(r"`[^`]*`\S*|\S+")  # what is never cut


def too_wide(text: str, most: int = 80) -> list[str]:
    """Lines that could have been cut."""
    return [line for line in text.split("\n") if len(line) > most and len(WHOLE.findall(line.strip())) > 1]


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("name", [*door.main.commands, ""])
def test_help_fits(name, run):
    code, out, _ = run(*filter(None, [name]), "--help")
    assert code == 0 and not too_wide(out)


def test_nothing_is_said_past_the_one_place_that_cuts_lines():
    modules = Path(door.__file__).parent.glob("*.py")
    assert {path.name for path in modules if "click.echo" in path.read_text()} == PLAIN


def test_a_line_is_cut_between_words_and_a_command_never():
    text = "error: " + "a word " * 20 + "then `make submit RUN=talks RETRY=1 MODEL=other` and on"
    lines = wrapped(text).split("\n")
    assert not too_wide("\n".join(lines)) and len(lines) == 3
    assert any("`make submit RUN=talks RETRY=1 MODEL=other`" in line for line in lines)
    assert lines[1].startswith("  ") and " ".join(" ".join(lines).split()) == text
    long = "x" * 200
    assert wrapped(f"see {long} there") == f"see\n  {long}\n  there"


def test_words_stand_under_words():
    first, second = wrapped("next       " + "a word " * 14).split("\n")
    assert second.index("a word") == first.index("a word") == 11
    rows = [("NAME", "MB", ""), ("one", "1", "word " * 20), ("another", "200", "")]
    assert list(entries(rows))[:2] == ["NAME     MB", "one      1"]
    assert not too_wide("\n".join(entries(rows)))


def test_every_goal_fits(make, server):  # noqa: F811
    Path("data/prompts").mkdir(parents=True)
    Path("data/prompts/long.md").write_text(
        f"---\nabout: {'a long word ' * 9}\nexample: {'an answer ' * 12}\n---\nAsk.\n"
    )
    server.errors = {"orchard": "the service could not answer this one, " * 4}
    said = [
        ok(make(goal)) for goal in ("batch", "plan", "preview", "submit", "status", "results", "status", "plan")
    ]
    said += [
        ok(make(goal)) for goal in ("adopt", "show", "export", "runs", "providers", "prompts", "validate", "cancel")
    ]
    refused = [
        make("submit", REPLACE=1, PROMPT="nowhere.md"), make("submit", SAMPLE="x"), make("submit", ID="nobody"),
        make("adopt", ADOPT="batch-99"), make("results", RUN="no-run-of-this-name"),
        make("plan", PROVIDER="a-provider-that-is-not-there"), make("submit", BUDGET="0.0000001", RETRY=1),
        make("submit", ACCOUNT="not-the-account"), make("status", RUN="a b"), make("submit", AGAIN="0009"),
    ]  # fmt: skip
    Path("ask.md").write_text("Say it in five words, " * 20)
    refused += [make("submit"), make("results")]
    assert [said for code, said in refused if not code] == []
    wide = [line for text in [*said, *(text for _, text in refused)] for line in too_wide(text)]
    assert wide == []


def test_an_error_of_any_length_fits(run, monkeypatch):
    def refuse(*args):
        raise SpendError("a very long word " * 40 + "; `make submit REPLACE=1` pays again")

    monkeypatch.setattr("pipeline.jobs.runs.known", refuse)
    code, _, err = run("results")
    assert code == 5 and not too_wide(err) and err.count("\n") > 8

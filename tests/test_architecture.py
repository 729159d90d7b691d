"""Imports go one way, every command and variable is documented, and start-up stays light."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys

import pytest

import schemas
from pipeline.cli import main
from pipeline.variables import NAMES
from tests import house, tables
from tests.conftest import PLUGINS, ROOT

HEAVY = ("together", "httpx", "pydantic", "xllamacpp", "jsonschema", "boto3", "botocore")
MODULES = list(house.modules())
FACE = ("pipeline.errors", "pipeline.provider", "pipeline.hookspecs", "pipeline.variables", "pipeline.testkit")


def test_no_arrow_goes_up():
    floor = {name: at for at, name in enumerate(house.ROOMS)}
    assert [(above, below) for above, below in house.arrows() if floor[above] >= floor[below]] == []


def test_the_drawing_is_true():
    assert f"{house.BEGIN}{house.drawn()}\n{house.END}" in house.PAGE.read_text("utf-8")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_is_in_a_room_and_of_a_size(path):
    names = list(house.imported(path))
    assert house.room(house.name(path)) or path == ROOT / "pipeline" / "__init__.py" or path.name == "__main__.py"
    assert len(path.read_text("utf-8").splitlines()) <= 200
    if "cli" not in path.parts:
        assert not any(name.split(".")[0] == "click" for name in names)
    if path.is_relative_to(ROOT / "providers"):
        assert all(name.startswith(FACE) for name in names if name.startswith("pipeline."))


def test_a_room_says_what_comes_in_what_goes_out_and_what_it_may_import():
    for init in (ROOT / "pipeline").glob("*/__init__.py"):
        said = ast.get_docstring(ast.parse(init.read_text("utf-8")))
        assert 2 <= len(said.splitlines()) <= 5, init
        assert "mport" in said, init


@pytest.mark.parametrize(
    "module",
    [
        "pipeline.cli",
        "pipeline.sending.submit",
        "pipeline.jobs.wait",
        "providers.together",
        "providers.bedrock",
    ],
)
def test_heavy_modules_are_imported_where_they_are_used(module):
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert out.stdout.strip() == "[]"


def test_variables_are_one_table():
    """schemas/variables.schema.json: make takes the names from it, the commands and the README all of it."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    names = subprocess.run(
        ["make", "-s", "-f", "Makefile", "-f", "-", "names"], input="names:; @echo $(VARIABLES)", cwd=ROOT, env=env,
        capture_output=True, text=True,
    ).stdout  # fmt: skip
    options = {option.envvar for command in main.commands.values() for option in command.params}
    assert names.split() == list(schemas.schema("variables")["properties"]) == list(NAMES)
    assert set(NAMES) - PLUGINS == options - {None}
    assert f"{tables.BEGIN}{tables.table()}\n{tables.END}" in tables.PAGE.read_text("utf-8")


def test_every_command_and_goal_is_in_the_readme():
    makefile, readme = (ROOT / "Makefile").read_text(), (ROOT / "README.md").read_text()
    goals = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.M)) - {"help"}
    assert all(f"`{name}`" in readme for name in goals)
    assert {name for name, command in main.commands.items() if not command.hidden} - {"settings"} <= goals
    assert all(command.help for command in main.commands.values())


def test_nothing_is_a_make_target_that_was_paid_for():
    makefile = (ROOT / "Makefile").read_text()
    assert not re.search(r"^\S*(shards|jobs|outputs|service)\S*:", makefile, re.M)

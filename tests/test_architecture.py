"""Imports go one way, every command and variable is documented, and start-up stays light."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

from pipeline.cli import main
from pipeline.variables import NAMES
from tests.conftest import PLUGINS, ROOT

MODULES = sorted(path for room in ("pipeline", "providers", "schemas") for path in (ROOT / room).rglob("*.py"))
HEAVY = ("together", "httpx", "pydantic", "xllamacpp", "jsonschema", "boto3", "botocore")


def imported(path):
    """Names of the modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from {node.module, *(f"{node.module}.{name.name}" for name in node.names)}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_go_one_way(path):
    room, names = path.relative_to(ROOT).parts[0], set(imported(path))
    if room == "pipeline":
        assert not any(name.split(".")[0] == "providers" for name in names)
        if path.parent.name != "cli" and path.name != "progress.py":
            assert "click" not in names
    if room == "providers":
        allowed = ("pipeline.provider", "pipeline.hookspecs", "pipeline.errors", "pipeline.variables")
        of_pipeline = {name for name in names if name.startswith("pipeline.")}
        assert all(name.startswith(allowed) for name in of_pipeline), of_pipeline


@pytest.mark.parametrize(
    "module",
    [
        "pipeline.cli",
        "pipeline.sending.submit",
        "pipeline.results.wait",
        "providers.together",
        "providers.bedrock",
    ],
)
def test_heavy_modules_are_imported_where_they_are_used(module):
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert out.stdout.strip() == "[]"


def test_every_variable_of_the_makefile_is_in_the_readme_and_an_option():
    makefile, readme = (ROOT / "Makefile").read_text(), (ROOT / "README.md").read_text()
    names = set(re.search(r"VARIABLES := ((?:.*\\\n)*.*)", makefile)[1].replace("\\\n", " ").split())
    options = {option.envvar for command in main.commands.values() for option in command.params}
    assert names - PLUGINS == options - {None}
    assert names == set(NAMES)
    assert all(f"`{name}`" in readme for name in names)


def test_every_command_and_goal_is_in_the_readme():
    makefile, readme = (ROOT / "Makefile").read_text(), (ROOT / "README.md").read_text()
    goals = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.M)) - {"help"}
    assert all(f"`{name}`" in readme for name in goals)
    assert {name for name, command in main.commands.items() if not command.hidden} - {"settings"} <= goals
    assert all(command.help for command in main.commands.values())


def test_nothing_is_a_make_target_that_was_paid_for():
    makefile = (ROOT / "Makefile").read_text()
    assert not re.search(r"^\S*(shards|jobs|outputs|service)\S*:", makefile, re.M)

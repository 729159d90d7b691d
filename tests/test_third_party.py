"""A plugin of a stranger: installed beside the project, chosen by its name, and a broken one beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.conftest import ROOT, read_jsonl, write_jsonl

EXAMPLE = ROOT / "examples" / "batch-folder"
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def copy(tmp_path):
    """A copy of the project and a fresh environment, which has the libraries of the one that runs the tests."""
    copy = tmp_path / "copy"
    for name in ("pipeline", "providers", "schemas", "data"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("runs", "__pycache__"))
    for name in ("Makefile", "setup.cfg", "pyproject.toml"):
        shutil.copy2(ROOT / name, copy / name)
    venv.create(copy / ".venv", symlinks=True)
    libraries = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (packages(copy) / "libraries.pth").write_text(libraries)
    (copy / ".venv" / "installed").touch()
    return copy


def packages(copy: Path) -> Path:
    return next((copy / ".venv").glob("lib/python3*/site-packages"))


def install(copy: Path, source: Path) -> None:
    """With the pip of the tests' environment, into the fresh one; nothing is downloaded."""
    scratch = copy.parent / source.name
    shutil.copytree(source, scratch, ignore=shutil.ignore_patterns("*.egg-info", "build", "__pycache__"))
    where = ["--target", packages(copy), "--no-deps", "--no-build-isolation", "--no-index"]
    run(copy, sys.executable, "-m", "pip", "install", "--quiet", *where, scratch)


def run(copy: Path, *words, code: int = 0) -> str:
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env |= {"FOLDER": str(copy / "shared"), "POLL": "0"}
    done = subprocess.run([str(w) for w in words], cwd=copy, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_a_plugin_of_its_own_distribution_runs(copy):
    install(copy, EXAMPLE)
    write_jsonl(copy / "talks.jsonl", [{"id": name, "text": f"words of {name}"} for name in "abc"])
    run(copy, "make", "submit", "PROVIDER=folder", "TRANSCRIPTS=talks.jsonl")
    run(copy, copy / ".venv/bin/python", "-m", "batch_folder", copy / "shared")
    run(copy, "make", "results", "PROVIDER=folder")
    rows = read_jsonl(copy / "data/runs/default/folder/results.jsonl")
    assert [(row["id"], row["outcome"], row["text"]) for row in rows] == [(n, "ok", n) for n in "abc"]

    # and a broken one beside it disturbs nobody
    (packages(copy) / "broken.py").write_text("raise SystemExit('boom')\n")
    info = packages(copy) / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[transcript_batch.providers]\nbroken = broken\n")
    assert "nothing is sent" in run(copy, "make", "submit", "PROVIDER=folder")
    said = run(copy, "make", "providers")
    assert "jobs handed over in a shared folder" in said
    assert "broken: provider 'broken' does not load: SystemExit: boom" in said


def test_the_example_keeps_the_contract():
    """Its own tests, as its author runs them."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(EXAMPLE), str(ROOT)])}
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(EXAMPLE)]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout

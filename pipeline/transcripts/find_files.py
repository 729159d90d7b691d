"""Which files TRANSCRIPTS names, and the id that each gives to its transcript."""

from __future__ import annotations

import glob
import os
import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pipeline.base.workspace import Workspace
from pipeline.errors import InputError

PACKED = (".gz", ".zst")
TEXT = (".txt", ".text", ".md", ".markdown", ".html", ".htm", ".docx")
CAPTIONS = (".vtt", ".srt", ".sbv", ".ttml", ".dfxp", ".xml", ".tsv")
JSON = (".json", ".jsonl", ".ndjson", ".json3")
REFUSED = (".pdf", ".rtf", ".doc", ".odt")  # somebody's transcripts: said, not passed over
ABOUT = re.compile(r"(?:README|LICEN[CS]ES?|CHANGELOG|CONTRIBUTING)(?:\.\w+)?", re.I)  # about the folder, not in it
TAKEN = frozenset((*TEXT, *CAPTIONS, *JSON, *REFUSED))
TAKES = "captions (.vtt .srt .sbv .ttml), .txt, .md, .html, .docx, .tsv, .json and .jsonl, also as .gz or .zst"


def paths(words: str) -> list[Path]:
    """The paths that TRANSCRIPTS names: one path, or several words, quoted and with * as in a shell."""
    if not words.strip():
        raise InputError("no input: name files or folders in TRANSCRIPTS=, as TRANSCRIPTS=episodes")
    if Path(words).exists():
        return [Path(words)]
    try:
        names = shlex.split(words)
    except ValueError as error:
        raise InputError(f"TRANSCRIPTS={words}: {error}") from None
    return [Path(match) for name in names for match in (_expand(name))]


def _expand(name: str) -> list[str]:
    if Path(name).exists():
        return [name]
    if name.startswith("run:"):
        return [_results(name)]
    found = sorted(glob.glob(name))  # noqa: PTH207 (absolute patterns too)
    if not found:
        raise InputError(f"{name}: no such file or folder; name it in TRANSCRIPTS=")
    return found


def _results(word: str) -> str:
    """The answers of another run, `run:NAME` or, where several providers answered, `run:NAME/PROVIDER`."""
    run, _, provider = word.removeprefix("run:").partition("/")
    root = Workspace.of(run, provider or "any").root.parent  # refuses what is no name
    found = [path for path in sorted(root.glob("*/results.jsonl")) if provider in ("", path.parent.name)]
    if not root.is_dir():
        raise InputError(f"{word}: there is no run {run}; `make runs` lists them")
    if not found:
        raise InputError(f"{word}: that run has no results; `make results RUN={run}` collects them")
    if len(found) > 1:
        names = " or ".join(f"run:{run}/{path.parent.name}" for path in found)
        raise InputError(f"{word}: several providers answered in that run; name one: {names}")
    return str(found[0])


def sources(inputs: list[Path], passed: Counter[str] | None = None) -> Iterator[tuple[str, str]]:
    """The path of each file to read and the id it gives, in a stable order, found as they are asked for.

    A file that is named is read whatever it is called; in a folder the suffix decides, a README is none, and
    `passed` counts the suffixes and names of the files that were left alone.
    """
    passed = Counter() if passed is None else passed
    for given in inputs:
        if not given.is_dir():
            if not given.is_file():
                raise InputError(f"{given}: no such file or folder; name it in TRANSCRIPTS=")
            yield str(given), _id(given.name)
            continue
        found = False
        for path, name in _folder(str(given), "", passed):
            found = True
            yield path, _id(name)
        if not found:
            raise InputError(f"{given}: no transcripts in this folder; it takes {TAKES}")


def _folder(folder: str, prefix: str, passed: Counter[str]) -> Iterator[tuple[str, str]]:
    """Path and path inside the folder of each file, sorted, folder by folder; what is hidden stays hidden."""
    with os.scandir(folder) as entries:
        kinds = sorted((entry.name, _kind(entry)) for entry in entries if not entry.name.startswith("."))
    for name, kind in kinds:
        if kind == "folder":
            yield from _folder(os.path.join(folder, name), f"{prefix}{name}/", passed)  # noqa: PTH118
        elif kind:
            passed[kind] += 1
        elif ABOUT.fullmatch(name):
            passed[name] += 1
        elif suffix(name) in TAKEN:
            yield os.path.join(folder, name), prefix + name  # noqa: PTH118
        else:
            passed[suffix(name) or "without a suffix"] += 1


def suffix(name: str) -> str:
    """The suffix in small letters, without that of a compressed file: `talk.VTT.gz` has `.vtt`."""
    return _split(name)[1].lower()


def _id(name: str) -> str:
    """The path inside its folder without suffixes; NFC, so that a Mac and a Linux disk give the same."""
    stem, _ = _split(name)
    return stem if stem.isascii() else unicodedata.normalize("NFC", stem)


def _split(name: str) -> tuple[str, str]:
    stem, last = os.path.splitext(name)  # noqa: PTH122 (a million Paths are slow)
    return os.path.splitext(stem) if last.lower() in PACKED else (stem, last)  # noqa: PTH122


def _kind(entry: os.DirEntry[str]) -> str:
    """ "" for a file, or for a link to one or to nothing; "folder"; else why it is not read."""
    if entry.is_dir():
        return "link to a folder" if entry.is_symlink() else "folder"
    return "" if entry.is_file() or entry.is_symlink() else "special file"

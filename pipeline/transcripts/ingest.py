"""The stage `transcripts`: files as people have them in, one transcript a line out."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path

import orjson

from pipeline.base.atomic_files import atomic
from pipeline.base.duplicate_ids import Ids
from pipeline.base.faults import Faults
from pipeline.base.lines import escape
from pipeline.base.processes import ordered
from pipeline.base.warning_limit import Notices
from pipeline.base.workspace import Workspace
from pipeline.errors import clean
from pipeline.transcripts import read_file
from pipeline.transcripts.find_files import sources, suffix
from pipeline.transcripts.outcome import Outcome

TASK = 2 << 20  # bytes that one process reads before it reports
LARGE = 8 << 20  # bytes; a longer file is read here, as it streams by

Task = list[tuple[str, str]]  # paths and the ids they give


@dataclass
class Tally:
    """What the stage did. `passed` counts files of other suffixes that were left alone in folders."""

    transcripts: int = 0
    rejected: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)


def ingest(
    ws: Workspace,
    inputs: list[Path],
    *,
    encoding: str = "",
    skip: bool = False,
    workers: int = 1,
    verbose: bool = False,
    say: Callable[[str], None] = print,
    done: Callable[[int], None] = lambda files: None,
) -> Tally:
    """Write transcripts.jsonl; with `skip` also rejected.jsonl, which has what was left out.

    Without `skip` one fault is enough: nothing is published, and InputError has them all. `done` is told how
    many files more were read.
    """
    tally, faults, notices, seen = Tally(), Faults(), Notices(say, verbose), Seen()
    ws.rejected.unlink(missing_ok=True)
    with atomic(ws.transcripts) as good, ExitStack() as later:
        bad = later.enter_context(atomic(ws.rejected)) if skip else None
        for outcome in outcomes(inputs, encoding, workers, tally.passed, done):
            outcome.faults += seen.clash(outcome)
            for why in outcome.faults:
                faults.add(outcome.where, why)
            if outcome.faults:
                tally.rejected += 1
                if bad:
                    bad.write(_reasons(outcome))
                    if verbose:
                        say(f"left out: {clean(outcome.where)}: {clean(outcome.faults[0], 300)}")
                continue
            good.writelines((escape(outcome.line), b"\n"))  # a sum would copy each once more
            _describe(outcome, tally, notices, say if verbose else None)
        notices.close()
        if not (skip and tally.transcripts):
            advice = "none is left" if skip else "or ERRORS=skip goes on without these"
            faults.check(f"mend the input and type the same goal again, {advice}")
    return tally


def outcomes(
    inputs: list[Path],
    encoding: str,
    workers: int,
    passed: Counter[str],
    done: Callable[[int], None] = lambda files: None,
) -> Iterator[Outcome]:
    """What became of each transcript, in the order of the input; small files are read by several processes."""
    sized = ((path, name, _size(path)) for path, name in sources(inputs, passed))
    for streamed, group in groupby(sized, lambda one: one[2] > LARGE or suffix(one[0]) in read_file.LINES):
        if streamed:
            for path, name, _ in group:
                yield from read_file.read(path, name, encoding)
                done(1)
        else:
            for files, found in ordered(partial(_read, encoding), _tasks(group), workers):
                yield from found
                done(files)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 (a million Paths are slow)
    except OSError:  # the reader says it, as a fault of this file
        return 0


def _tasks(files: Iterable[tuple[str, str, int]]) -> Iterator[Task]:
    """Files in portions of about TASK bytes."""
    task, size = [], 0
    for path, name, length in files:
        task.append((path, name))
        size += length + 4096
        if size > TASK:
            yield task
            task, size = [], 0
    if task:
        yield task


def _read(encoding: str, task: Task) -> tuple[int, list[Outcome]]:
    """What became of each file of a task, and how many files those were."""
    gc.set_threshold(50_000, 20, 20)  # a cue holds no cycles, and the collector would look at each many times
    return len(task), [outcome for path, name in task for outcome in read_file.read(path, name, encoding)]


class Seen:
    """The ids so far. Those that paths gave must also differ by more than case."""

    def __init__(self) -> None:
        self._all, self._named = Ids(), Ids()

    def clash(self, outcome: Outcome) -> list[str]:
        """Why the id cannot be used again; nothing for a new one, or where there is no transcript."""
        if outcome.line is None:
            return []
        instead = "; rename one, or name one kind: TRANSCRIPTS='talks/*.vtt'" if outcome.named else ""
        if before := self._all.first(outcome.id, outcome.where):
            return [f"$.id: {outcome.id!r} is also the id at {before}{instead}"]
        if outcome.named and (before := self._named.first(outcome.id.casefold(), outcome.where)):
            return [f"$.id: {outcome.id!r} is, but for its case, also the id at {before}{instead}"]
        return []


def _describe(outcome: Outcome, tally: Tally, notices: Notices, say: Callable[[str], None] | None) -> None:
    tally.transcripts += 1
    tally.formats[outcome.format] += 1
    if say and outcome.about:
        say(f"{clean(outcome.where)}: {outcome.about}")
    for kind, text in outcome.warnings:
        notices.add(kind, outcome.where, text)


def _reasons(outcome: Outcome) -> bytes:
    """One line of rejected.jsonl."""
    reasons = [clean(why, 300) for why in outcome.faults]
    return orjson.dumps({"where": clean(outcome.where, 4096), "reasons": reasons}) + b"\n"

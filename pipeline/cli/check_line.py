"""The command line of make, held against what its goals take: a variable that none of them takes is a slip."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator

from pipeline.cli import from_make
from pipeline.cli.given import Given
from pipeline.cli.main import main, say
from pipeline.cli.options import TABLE
from pipeline.errors import InputError, clean
from pipeline.provider import Provider
from pipeline.variables import address

MAKING = ("settings", "transcripts", "batch")  # commands behind each goal that makes a batch, or pays for one
# Of these only one can be meant.
EITHER = (("PROMPT", "PROMPTS"), ("ADOPT", "AGAIN"), ("ADOPT", "RETRY"), ("ADOPT", "REPLACE"))


def check(given: Given) -> None:
    """Raises InputError just before something is paid, whichever way Make came here."""
    from pipeline.cli.differences import check_unchanged

    given.known()
    if not given.ws.batch.exists():
        raise InputError("there are no requests yet: `make batch TRANSCRIPTS=…` makes them (free)")
    check_line(given.plugin)
    check_unchanged(given)


def check_line(plugin: Provider) -> None:
    """Raises InputError for goals that pay, or take over what was paid; for others it is said."""
    pays = bool(from_make.goals() & from_make.AS_MADE)
    for words in (*_empty(), *_both(), *_idle(plugin)):
        if pays:
            raise InputError(f"{words}; nothing is sent")
        say(f"{words}; it does nothing here")


def _empty() -> Iterator[str]:
    """What a shell makes of BUDGET=$5, or of the name of a variable that is not set."""
    for name in sorted(from_make.line()):
        if not os.environ.get(name, "").strip():
            yield (
                f"{name}= has no value (a shell takes $5 for a variable of its own): say one, or leave {name} out, "
                f"or `unset {name}`"
            )


def _both() -> Iterator[str]:
    line = from_make.line()
    yield from (
        f"{one} and {other} cannot both count: leave one out" for one, other in EITHER if {one, other} <= line
    )


def _idle(plugin: Provider) -> Iterator[str]:
    """A sentence for each variable that nothing takes, with the goals or the providers that would."""
    taken = {name for goal in (*MAKING, *from_make.goals()) for name in _variables(goal)}
    for name in sorted(from_make.line()):
        said = f"{name}={clean(os.environ.get(name, ''), 60)}"
        own = address(plugin.name)
        if name.endswith("BASE_URL") or TABLE.get(name, {}).get("kept") == "server":
            if name not in (*plugin.variables, *plugin.keys, own):
                hint = f", which takes {own}" if any(key.endswith("_API_KEY") for key in plugin.keys) else ""
                yield f"{said} is not for PROVIDER={plugin.name}{hint}"
        elif name in TABLE and name not in taken:
            yield f"{said} is for {' and '.join(_goals(name))}"


def _goals(name: str) -> list[str]:
    goals = [goal for goal, command in main.commands.items() if not command.hidden and name in _variables(goal)]
    return [f"`make {goal}`" for goal in goals]


def _variables(goal: str) -> Container[str]:
    """Those that its command takes; what is not sent, PARTIAL, is asked by another command for `results`."""
    command = main.commands.get(goal)
    names = {param.name for param in command.params if not getattr(param, "hidden", False)} if command else set()
    return names | {"PARTIAL"} if goal == "results" else names - {"PARTIAL"}

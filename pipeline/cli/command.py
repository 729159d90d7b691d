"""A command: its name, the variables that it takes, and the function that does it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click
from click.core import ParameterSource

from pipeline.cli import from_make, home
from pipeline.cli.given import Given
from pipeline.cli.main import HOME, check_words, main
from pipeline.cli.named_run import DEFAULT, about
from pipeline.cli.options import option

SUMMARY = "data/prompts/summary.md"
SAID = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)


class Checked(click.Command):
    """Takes each option once, and with a value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        check_words(self, ctx, args)
        return super().parse_args(ctx, args)


def command(name: str, variables: str, hidden: bool = False, also: str = "") -> Callable:
    """Make a function of a Given the command of that name, with its docstring as --help. `also` are variables that
    it looks at and does not take."""

    def make(function: Callable[[Given], None]) -> click.Command:
        params = [option(variable) for variable in variables.split()]
        params += [click.Option(["--home"], expose_value=False, is_eager=True, callback=_enter, help=HOME)]
        params += [option(variable, hidden=True) for variable in also.split() if variable not in variables.split()]

        def call(**values: Any) -> None:
            about(values.get("RUN", DEFAULT))
            typed = frozenset(_typed(values))
            values = home.of_there(values, typed)
            if not (from_make.goals() or values.get("PROMPT", True)):  # as the Makefile says it
                values["PROMPT"] = SUMMARY
            function(Given(values, typed, from_make.local()))

        done = Checked(name, callback=call, params=params, help=function.__doc__, hidden=hidden)
        main.add_command(done)
        return done

    return make


def _enter(context: click.Context, _param: click.Parameter, folder: str | None) -> None:
    if folder:
        if context.parent and context.parent.get_parameter_source("home") == SAID[0]:
            raise click.UsageError("--home stands there twice: leave one out")
        home.enter(folder)


def _typed(values: dict[str, Any]) -> list[str]:
    """The names that a person gave to this command: not those of local.mk, nor defaults."""
    context = click.get_current_context()
    said = [
        name for name in values if context.get_parameter_source(name) in SAID and os.environ.get(name, "-").strip()
    ]
    return [name for name in said if from_make.typed(name) or context.get_parameter_source(name) == SAID[0]]

"""A command: its name, the variables that it takes, and the function that does it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click
from click.core import ParameterSource

from pipeline.cli.given import Given
from pipeline.cli.main import main
from pipeline.cli.options import option

TYPED, LOCAL = "TRANSCRIPT_BATCH_TYPED", "TRANSCRIPT_BATCH_LOCAL"  # as make saw them; else click says it
SAID = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)


def command(name: str, variables: str, hidden: bool = False) -> Callable:
    """Make a function of a Given the command of that name, with its docstring as --help."""

    def make(function: Callable[[Given], None]) -> click.Command:
        params = [option(variable) for variable in variables.split()]

        def call(**values: Any) -> None:
            function(Given(values, frozenset(_typed(values)), frozenset(os.environ.get(LOCAL, "").split())))

        done = click.Command(name, callback=call, params=params, help=function.__doc__, hidden=hidden)
        main.add_command(done)
        return done

    return make


def _typed(values: dict[str, Any]) -> list[str]:
    """The names that a person gave to this command: not those of local.mk, nor defaults."""
    context, make = click.get_current_context(), os.environ.get(TYPED)
    said = [
        name for name in values if context.get_parameter_source(name) in SAID and os.environ.get(name, "-").strip()
    ]
    if make is None:
        return said
    return [name for name in said if name in make.split() or context.get_parameter_source(name) == SAID[0]]

"""A command: its name, the variables that it takes, and the function that does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from pipeline.cli.given import Given
from pipeline.cli.main import main
from pipeline.cli.options import option


def command(name: str, variables: str, hidden: bool = False) -> Callable:
    """Make a function of a Given the command of that name, with its docstring as --help."""

    def make(function: Callable[[Given], None]) -> click.Command:
        params = [option(variable) for variable in variables.split()]

        def call(**values: Any) -> None:
            function(Given(values))

        done = click.Command(name, callback=call, params=params, help=function.__doc__, hidden=hidden)
        main.add_command(done)
        return done

    return make

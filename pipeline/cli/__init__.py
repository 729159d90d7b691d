"""Commands are doors, not rooms: each parses, calls one function and prints. A module for each, of its name.

May import every room, each where it is needed, so that `--help` is quick. Nothing imports this room.
"""

from pipeline.cli import (  # noqa: F401 (they add their commands)
    adopt,
    agree,
    batch,
    cancel,
    export,
    plan,
    preview,
    prompts,
    providers,
    remember,
    results,
    runs,
    settings,
    show,
    status,
    submit,
    transcripts,
    try_few,
    validate,
    variables,
)
from pipeline.cli.main import main

__all__ = ["main"]

"""Commands are doors, not rooms: each parses, calls one function and prints."""

from pipeline.cli import paying, reading, seeing  # noqa: F401 (they add their commands)
from pipeline.cli.doors import main

__all__ = ["main"]

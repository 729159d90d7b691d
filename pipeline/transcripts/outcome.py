"""What became of one transcript of the input."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Outcome:
    """`line` is the record as one line of JSON, valid by the schema; None where `faults` say why there is none.

    `where` is the file, or `file:line`. `named` is True for an id that a path gave: those must differ by more
    than case, as they stand for files. `warnings` are `(kind, sentence)`. `about` describes the file for --verbose.
    """

    where: str
    id: str = ""
    line: bytes | None = None
    named: bool = False
    faults: list[str] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    format: str = ""
    about: str = ""

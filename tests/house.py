"""The rooms of the house and the arrows between them, drawn from the imports: `python -m tests.house` redraws them.

CONTRIBUTING.md has the drawing; tests/test_architecture.py holds that it is true, and that no arrow goes up.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- drawn by tests/house.py -->\n```text\n", "```\n<!-- end -->"
# From the roof down: each imports only what stands below it.
ROOMS = (
    "pipeline.cli",
    "pipeline.testkit",
    "pipeline.adopting",
    "pipeline.sending",
    "pipeline.results",
    "pipeline.jobs",
    "pipeline.plugins",
    "pipeline.batch",
    "pipeline.money",
    "pipeline.transcripts",
    "providers.*",  # the plugins
    "providers.job_folders",
    "providers.wire",
    "pipeline.hookspecs",
    "pipeline.provider",
    "pipeline.base",
    "pipeline.errors",
    "pipeline.variables",
    "schemas",
)


def modules() -> Iterator[Path]:
    return (path for top in ("pipeline", "providers", "schemas") for path in sorted((ROOT / top).rglob("*.py")))


def room(module: str) -> str:
    """The room that a module is in."""
    inside = [name for name in ROOMS if f"{module}.".startswith(f"{name}.")]
    return inside[0] if inside else "providers.*" if f"{module}.".startswith("providers.") else ""


def imported(path: Path) -> Iterator[str]:
    """Names of the modules that a file imports, anywhere in it; and of what it takes from them."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def arrows() -> set[tuple[str, str]]:
    """Pairs of rooms: the first imports something of the second."""
    pairs = {(room(name(path)), room(one)) for path in modules() for one in imported(path)}
    return {(above, below) for above, below in pairs if above and below and above != below}


def drawn() -> str:
    """A line for each room: itself, and those below that it imports."""
    there = arrows()
    below = {above: [_short(name) for name in ROOMS if (above, name) in there] for above in ROOMS}
    return "\n".join(
        f"{_short(name):<21} → {' '.join(names) or '(nothing of ours)'}" for name, names in below.items()
    )


def _short(name: str) -> str:
    return name.removeprefix("pipeline.")


def name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


if __name__ == "__main__":
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{drawn()}\n{END}{rest.partition(END)[2]}", "utf-8")

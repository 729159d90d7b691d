"""README.md's table of variables, from schemas/variables.schema.json: `python -m tests.tables` writes it anew."""

from __future__ import annotations

from pathlib import Path

import schemas

PAGE = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- made by tests/tables.py -->\n", "<!-- end -->"


def table() -> str:
    rows = schemas.schema("variables")["properties"].items()
    lines = [
        f"| `{name}` | {row.get('usual', row.get('default', ''))} | {row['description']} |" for name, row in rows
    ]
    return "\n".join(["| variable | without it | |", "|---|---|---|", *lines])


if __name__ == "__main__":
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{table()}\n{END}{rest.partition(END)[2]}", "utf-8")

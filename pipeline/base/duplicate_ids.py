"""Which ids were there already, and where: on disk, so that a million of them need no memory."""

from __future__ import annotations

import sqlite3


class Ids:
    """Remembers where each id stood first, for the length of one command."""

    def __init__(self) -> None:
        self._table = sqlite3.connect("")  # a private file of SQLite's own, gone with the process
        self._table.execute("PRAGMA journal_mode = OFF")
        self._table.execute("CREATE TABLE ids (id BLOB PRIMARY KEY, place BLOB) WITHOUT ROWID")

    def first(self, name: str, where: str) -> str | None:
        """Where the id stood before; None if it is new, and then it stands at `where`."""
        row = (name.encode("utf-8", "surrogatepass"), where.encode("utf-8", "surrogateescape"))
        if self._table.execute("INSERT OR IGNORE INTO ids VALUES (?, ?)", row).rowcount:
            return None
        (place,) = self._table.execute("SELECT place FROM ids WHERE id = ?", row[:1]).fetchone()
        return place.decode("utf-8", "surrogateescape")

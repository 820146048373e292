"""What survives a kill: objects, what is known about them besides, planned work and idempotency keys, in one file."""

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS object (number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS aside (id TEXT PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS plan (id TEXT PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answer (id TEXT PRIMARY KEY, data TEXT NOT NULL);
"""


class Store:
    """Collects changes and writes them together; without a path it keeps nothing.

    synchronous=OFF loses nothing when the process is killed, only when the machine is.
    """

    def __init__(self, path: str) -> None:
        self._database: sqlite3.Connection | None = None
        self._changes: dict[tuple[str, str], Any] = {}
        if path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=OFF")
            self._database.executescript(SCHEMA)

    def put(self, table: str, id: str, data: Any) -> None:
        """Remember to write; None deletes. The data may still change until `flush`."""
        if self._database:
            self._changes[table, id] = data

    def flush(self) -> None:
        """Write everything that changed, in one transaction."""
        if not self._database or not self._changes:
            return
        self._database.execute("BEGIN")
        for (table, id), data in self._changes.items():
            if data is None:
                self._database.execute(f"DELETE FROM {table} WHERE id = ?", (id,))  # noqa: S608
            else:
                self._database.execute(
                    f"INSERT INTO {table} (id, data) VALUES (?, ?) "  # noqa: S608
                    "ON CONFLICT (id) DO UPDATE SET data = excluded.data",
                    (id, json.dumps(data)),
                )
        self._database.execute("COMMIT")
        self._changes.clear()

    def load(self, table: str) -> Iterable[tuple[str, Any]]:
        """Read a table back, oldest first."""
        if not self._database:
            return []
        rows = self._database.execute(f"SELECT id, data FROM {table} ORDER BY rowid")  # noqa: S608
        return [(id, json.loads(data)) for id, data in rows]

    def clear(self) -> None:
        """Forget everything."""
        self._changes.clear()
        if self._database:
            self._database.executescript("DELETE FROM object; DELETE FROM aside; DELETE FROM plan; DELETE FROM answer;")

    def close(self) -> None:
        """Write the rest and release the file."""
        self.flush()
        if self._database:
            self._database.close()

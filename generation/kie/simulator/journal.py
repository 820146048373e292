"""What survives a kill: tasks, uploads, the balance and changed models, in one SQLite file."""

import json
import sqlite3
from pathlib import Path
from typing import Any

from generation.kie.simulator.account import Account
from generation.kie.simulator.tasks import Task, as_json

SCHEMA = """
CREATE TABLE IF NOT EXISTS task (id TEXT PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS upload (path TEXT PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY, balance REAL, debited REAL, returned REAL);
CREATE TABLE IF NOT EXISTS model (id TEXT PRIMARY KEY, data TEXT NOT NULL);
"""


class Journal:
    """Writes through on every change; without a path it keeps nothing.

    synchronous=OFF loses nothing when the process is killed, only when the machine is.
    """

    def __init__(self, path: str) -> None:
        self._database: sqlite3.Connection | None = None
        if path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=OFF")
            self._database.executescript(SCHEMA)

    def save(self, account: Account, *tasks: Task) -> None:
        """Store tasks and the balance together."""
        if self._database is None:
            return
        rows = [(task.id, json.dumps(as_json(task))) for task in tasks]
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR REPLACE INTO task VALUES (?, ?)", rows)
        self._database.execute(
            "INSERT OR REPLACE INTO account VALUES (1, ?, ?, ?)",
            (account.balance, account.debited, account.returned),
        )
        self._database.execute("COMMIT")

    def save_upload(self, path: str, data: dict[str, Any]) -> None:
        """Store what is known about an uploaded file."""
        if self._database:
            self._database.execute("INSERT OR REPLACE INTO upload VALUES (?, ?)", (path, json.dumps(data)))

    def save_model(self, model: str, data: dict[str, Any]) -> None:
        """Store a model that was changed or added."""
        if self._database:
            self._database.execute("INSERT OR REPLACE INTO model VALUES (?, ?)", (model, json.dumps(data)))

    def models(self) -> list[dict[str, Any]]:
        """Read the changed models back."""
        rows = self._database.execute("SELECT data FROM model") if self._database else []
        return [json.loads(data) for (data,) in rows]

    def forget_models(self) -> None:
        """Forget the changed models."""
        if self._database:
            self._database.execute("DELETE FROM model")

    def load(self, account: Account) -> tuple[list[Task], dict[str, dict[str, Any]]]:
        """Read tasks and uploads back, and set the account as it was."""
        if self._database is None:
            return [], {}
        for balance, debited, returned in self._database.execute("SELECT balance, debited, returned FROM account"):
            account.balance, account.debited, account.returned = balance, debited, returned
        tasks = [Task(**json.loads(data)) for (data,) in self._database.execute("SELECT data FROM task")]
        uploads = self._database.execute("SELECT path, data FROM upload")
        return tasks, {path: json.loads(data) for path, data in uploads}

    def clear(self) -> None:
        """Forget everything."""
        if self._database:
            self._database.executescript("DELETE FROM task; DELETE FROM upload; DELETE FROM account;")
            self.forget_models()

    def close(self) -> None:
        """Release the file."""
        if self._database:
            self._database.close()

"""The CRM's memory: one SQLite file. A write is in the file (though perhaps not on the disk) before it is answered."""

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS lead (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    external_id TEXT,
    email TEXT,
    updated_at TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS lead_external ON lead (external_id);
CREATE INDEX IF NOT EXISTS lead_email ON lead (email);
CREATE INDEX IF NOT EXISTS lead_updated ON lead (updated_at);
-- How often a record of each external_id was created, deleted ones included: duplicates show here.
CREATE TABLE IF NOT EXISTS creation (external_id TEXT PRIMARY KEY, times INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""
_UPDATE = "UPDATE lead SET external_id = ?, email = ?, updated_at = ?, body = ? WHERE number = ?"
_INSERT = "INSERT INTO lead (number, external_id, email, updated_at, body) VALUES (?, ?, ?, ?, ?)"
_COUNT_CREATION = "INSERT INTO creation VALUES (?, 1) ON CONFLICT (external_id) DO UPDATE SET times = times + 1"


class Store:
    """Records by number (``EXT-<number>``)."""

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(_SCHEMA)
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'lead'").fetchone()
        self._last = row[0] if row else 0

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def next_number(self) -> int:
        """A number that no record had or will have."""
        self._last += 1
        return self._last

    def insert(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Store new records, all at once."""
        rows = list(records)
        self._db.execute("BEGIN")
        self._db.executemany(_INSERT, ((_number(row["id"]), *_columns(row)) for row in rows))
        self._db.executemany(_COUNT_CREATION, ((row["external_id"],) for row in rows if row.get("external_id")))
        self._db.execute("COMMIT")

    def update(self, record: Mapping[str, Any]) -> None:
        """Store a record's new state."""
        self._db.execute(_UPDATE, (*_columns(record), _number(record["id"])))

    def get(self, record_id: str) -> dict[str, Any] | None:
        """The record, or None."""
        row = self._db.execute("SELECT body FROM lead WHERE number = ?", (_number(record_id),)).fetchone()
        return orjson.loads(row[0]) if row else None

    def delete(self, record_id: str) -> None:
        """Forget a record."""
        self._db.execute("DELETE FROM lead WHERE number = ?", (_number(record_id),))

    def page(self, filters: Mapping[str, str], limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
        """Records in order of creation, and how many there are in all."""
        conditions = {"external_id": "external_id = ?", "email": "email = lower(?)", "updated_since": "updated_at >= ?"}
        used = [(conditions[name], value) for name, value in filters.items() if name in conditions]
        where = " AND ".join(condition for condition, _ in used) or "1"
        values = [value for _, value in used]
        total = self._db.execute(f"SELECT count(*) FROM lead WHERE {where}", values).fetchone()[0]  # noqa: S608 - fixed texts
        query = f"SELECT body FROM lead WHERE {where} ORDER BY number LIMIT ? OFFSET ?"  # noqa: S608 - fixed texts
        return [orjson.loads(row[0]) for row in self._db.execute(query, (*values, limit, offset))], total

    def everything(self) -> list[dict[str, Any]]:
        """All records."""
        return [orjson.loads(row[0]) for row in self._db.execute("SELECT body FROM lead ORDER BY number")]

    def creations(self) -> dict[str, int]:
        """Times a record was created, by external_id."""
        return dict(self._db.execute("SELECT external_id, times FROM creation"))

    def setting(self, name: str) -> Any:
        """A stored setting, or None."""
        row = self._db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return orjson.loads(row[0]) if row else None

    def keep_setting(self, name: str, value: Any) -> None:
        """Store a setting."""
        self._db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, orjson.dumps(value)))


def _number(record_id: str) -> int:
    digits = record_id.removeprefix("EXT-")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 18 else -1


def _columns(record: Mapping[str, Any]) -> tuple[str | None, str | None, str, bytes]:
    email = record.get("email")
    return record.get("external_id"), email and email.lower(), record["updated_at"], orjson.dumps(record)

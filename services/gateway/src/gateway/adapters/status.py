"""Figures: sync status, the dashboard's panel, connections, and the audit trail."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from gateway.adapters import queries
from gateway.adapters.database import Database
from gateway.adapters.imports import import_document
from gateway.adapters.search import audit_statement
from hub.contracts.ids import rfc3339

_PERFORMANCE_DAYS = 7
_RECENT_IMPORTS = 5


class Status:
    """Reads for one account at a time."""

    def __init__(self, database: Database, availability: Callable[[], float | None]) -> None:
        self._database = database
        self._availability = availability

    async def sync(self, account_id: int) -> dict[str, Any]:
        """The design document's sync status, and each connection's share in it."""
        async with self._database.account(account_id) as connection:
            return _sync_document(await connection.fetch(queries.SYNC_STATUS, account_id))

    async def panel(self, account_id: int) -> dict[str, Any]:
        """The design document's dashboard."""
        today = datetime.now(UTC).date()
        async with self._database.account(account_id) as connection:
            sync = _sync_document(await connection.fetch(queries.SYNC_STATUS, account_id))
            counts = await connection.fetchrow(queries.TODAY, account_id, today)
            since = today - timedelta(days=_PERFORMANCE_DAYS)
            performance = await connection.fetchrow(queries.PERFORMANCE, account_id, since)
            imports = await connection.fetch(queries.RECENT_IMPORTS, account_id, _RECENT_IMPORTS)
        assert counts is not None
        assert performance is not None
        availability = self._availability()
        pushed, tried = performance["pushed"], performance["pushed"] + performance["failed"]
        return {
            "connected_crms": sum(each["status"] == "connected" for each in sync["connections"]),
            "last_sync": sync["last_sync"],
            "pending_updates": sync["pending_updates"],
            "sync_errors": sync["sync_errors"],
            "today": {name: counts[name] for name in ("imported", "updated", "errors")},
            "performance": {
                "avg_sync_seconds": round(performance["lag_ms"] / pushed / 1000, 3) if pushed else None,
                "success_rate": round(100 * pushed / tried, 1) if tried else None,
                "api_uptime": 100.0 if availability is None else round(100 * availability, 2),
            },
            "leads": {"total": counts["total"]},
            "connections": sync["connections"],
            "recent_imports": [import_document(row) for row in imports],
        }

    async def connections(self, account_id: int) -> list[dict[str, Any]]:
        """CRM connections; nothing secret."""
        async with self._database.control() as connection:
            rows = await connection.fetch(queries.CONNECTIONS, account_id)
        moments = ("created_at", "updated_at")
        return [{**row, **{name: rfc3339(row[name]) for name in moments}} for row in rows]

    async def audit(self, account_id: int, filters: dict[str, Any], limit: int) -> list[dict[str, Any]]:
        """A page of the audit trail, newest first; ``filters`` are named in ``adapters.search.AUDIT_FILTERS``."""
        statement, values = audit_statement(account_id, filters, limit)
        async with self._database.account(account_id) as connection:
            return [audit_document(row) for row in await connection.fetch(statement, *values)]

    async def audit_since(self, account_id: int, after: UUID, limit: int) -> list[dict[str, Any]]:
        """Entries after one, oldest first."""
        async with self._database.account(account_id) as connection:
            rows = await connection.fetch(queries.AUDIT_SINCE, account_id, after, limit)
        return [audit_document(row) for row in rows]

    async def audit_last(self, account_id: int, limit: int) -> list[dict[str, Any]]:
        """The newest entries, oldest first."""
        async with self._database.account(account_id) as connection:
            rows = await connection.fetch(queries.AUDIT_LAST, account_id, limit)
        return [audit_document(row) for row in reversed(rows)]


def _sync_document(rows: list[asyncpg.Record]) -> dict[str, Any]:
    last = max((row["last_sync"] for row in rows if row["last_sync"]), default=None)
    return {
        "last_sync": rfc3339(last) if last else None,
        "pending_updates": sum(row["pending"] for row in rows),
        "sync_errors": sum(row["errors"] for row in rows),
        "connected_crms": sorted({row["crm_type"] for row in rows if row["status"] == "connected"}),
        "connections": [{**row, "last_sync": rfc3339(row["last_sync"]) if row["last_sync"] else None} for row in rows],
    }


def audit_document(row: asyncpg.Record) -> dict[str, Any]:
    """An entry in the design document's shape."""
    return {
        "event_id": row["event_id"],
        "event": row["event"],
        "timestamp": rfc3339(row["at"]),
        "user": row["actor"],
        "crm": row["crm"],
        "action": row["action"],
        "fields_changed": row["fields_changed"],
        "ip_address": row["ip_address"],
        "subject": row["subject"],
        "causation_id": row["causation_id"],
        "details": row["details"],
    }

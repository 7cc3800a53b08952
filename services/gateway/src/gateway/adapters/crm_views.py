"""CRM connections as the API shows them: nothing secret, with what waits, what failed, and how reading stands."""

from typing import Any

import asyncpg

from gateway.adapters import queries_connections as q
from gateway.adapters.database import Database
from hub.contracts.ids import rfc3339

_MOMENTS = ("created_at", "updated_at", "checked_at", "next_run_at", "last_sync")
_SAME = (
    *("id", "crm_type", "name", "auth_type", "status", "status_reason", "tenant", "config", "webhook_mode"),
    *("webhooks", "schedule", "pending", "errors"),
)


class CrmViews:
    """Reads for one account at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, account_id: int, *, with_disconnected: bool) -> list[dict[str, Any]]:
        """The account's connections by id."""
        async with self._database.account(account_id) as connection:
            rows = await connection.fetch(q.CONNECTION_LIST, account_id, with_disconnected)
        return [_document(row) for row in rows]

    async def one(self, account_id: int, connection_id: int) -> dict[str, Any] | None:
        """A connection with its budgets, and what is wrong with the CRM's fields."""
        async with self._database.account(account_id) as connection:
            row = await connection.fetchrow(q.CONNECTION_DETAIL, account_id, connection_id)
            if row is None:
                return None
            linked = await connection.fetchval(q.LINKED, account_id, connection_id)
            budgets = await connection.fetch(q.BUDGETS, account_id, connection_id)
            drift = await connection.fetch(q.DRIFT, account_id, connection_id)
        return {
            **_document(row),
            "linked": linked,
            "budgets": [_times(each, "since", "closed_until", "learnt_at") for each in budgets],
            "drift": [_times(each, "found_at") for each in drift],
        }


def _document(row: asyncpg.Record) -> dict[str, Any]:
    document = {name: row[name] for name in _SAME}
    document |= {name: rfc3339(row[name]) if row[name] else None for name in _MOMENTS}
    return {**document, "last_run": row["last_run"]}


def _times(row: asyncpg.Record, *names: str) -> dict[str, Any]:
    return {**row, **{name: rfc3339(row[name]) if row[name] else None for name in names}}

"""Runs that read CRMs: asked for, paused, gone on with and cancelled here, carried out by sync-worker."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg

from gateway.adapters import queries_runs as q
from gateway.adapters.database import Database
from gateway.domain.progress import progress
from hub.contracts.ids import rfc3339

Change = Literal["pause", "resume"]
_CHANGES = {"pause": q.PAUSE_RUN, "resume": q.RESUME_RUN}


class Runs:
    """For one account at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(
        self, account_id: int, connection_id: int, run_id: str, kind: str, mode: str, who: str
    ) -> dict[str, Any] | None:
        """A new run; None when there is one that has not ended."""
        async with self._database.account(account_id) as connection:
            key = (account_id, connection_id, UUID(run_id))
            if await connection.fetchval(q.ASK_RUN, *key, kind, mode, who) is None:
                return None
            row = await connection.fetchrow(q.RUN, *key)
        assert row is not None
        return _document(row)

    async def active(self, account_id: int, connection_id: int) -> dict[str, Any] | None:
        """The run that has not ended."""
        async with self._database.account(account_id) as connection:
            row = await connection.fetchrow(q.ACTIVE_RUN, account_id, connection_id)
        return _document(row) if row else None

    async def get(self, account_id: int, connection_id: int, run_id: UUID) -> dict[str, Any] | None:
        """One run."""
        async with self._database.account(account_id) as connection:
            row = await connection.fetchrow(q.RUN, account_id, connection_id, run_id)
        return _document(row) if row else None

    async def page(
        self, account_id: int, connection_id: int, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[dict[str, Any]]:
        """Runs, newest first."""
        async with self._database.account(account_id) as connection:
            rows = await connection.fetch(q.RUNS, account_id, connection_id, *(before or (None, None)), limit)
        return [_document(row) for row in rows]

    async def change(self, account_id: int, connection_id: int, run_id: UUID, change: Change) -> bool:
        """Pause or go on; False when the run is not in a state for that."""
        async with self._database.account(account_id) as connection:
            return await connection.fetchval(_CHANGES[change], account_id, connection_id, run_id) is not None

    async def cancel(self, account_id: int, connection_id: int, run_id: UUID) -> dict[str, Any] | None:
        """End it where it is; what it had read, or None when it has ended already."""
        async with self._database.account(account_id) as connection:
            row = await connection.fetchrow(q.CANCEL_RUN, account_id, connection_id, run_id)
        return dict(row) if row else None


def _document(row: asyncpg.Record) -> dict[str, Any]:
    figures = progress(
        row["records"],
        row["total"],
        row["started_at"],
        row["finished_at"] or row["page_at"],
        ended=row["state"] == "done",
    )
    moments = ("created_at", "started_at", "page_at", "finished_at")
    names = ("kind", "mode", "state", "records", "deleted", "total", "pages", "requested_by")
    return {
        "run_id": str(row["id"]),
        "connection_id": row["connection_id"],
        **{name: row[name] for name in names},
        **figures,
        "error": row["error"] or None,
        **{name: rfc3339(row[name]) if row[name] else None for name in moments},
    }

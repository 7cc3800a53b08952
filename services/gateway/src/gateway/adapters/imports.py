"""Imports and their refused records, in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from gateway.adapters import queries
from gateway.adapters.database import Database
from gateway.domain.problems import Problem
from hub.contracts.errors import Conflict
from hub.contracts.ids import rfc3339

Rejection = tuple[int, Problem]  # position (index or line number), and why


@dataclass(frozen=True, slots=True)
class NewImport:
    """What an import is recorded with before its first record is read."""

    account_id: int
    id: str
    source: str
    format: str
    created_by: str
    idempotency_key: str | None


class Imports:
    """The gateway's own tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, new: NewImport) -> dict[str, Any] | None:
        """Record an import that is being read. With a key that was used before: the earlier import's state instead.

        Raises Conflict while the earlier one is still being read.
        """
        async with self._database.account(new.account_id) as connection:
            begun = await connection.fetchval(
                queries.BEGIN_IMPORT,
                new.account_id,
                UUID(new.id),
                new.source,
                new.format,
                new.idempotency_key,
                new.created_by,
            )
            if begun is not None:
                return None
            earlier = await connection.fetchrow(queries.IMPORT_BY_KEY, new.account_id, new.idempotency_key)
            if earlier is None or earlier["state"] != "accepted":
                raise Conflict("An import with this Idempotency-Key is being read right now", code="IMPORT_IN_PROGRESS")
            issues = await _issues(connection, new.account_id, earlier["id"], "rejected", (-1, ""), 20)
            return {**earlier, "id": str(earlier["id"]), "errors": issues}

    async def heartbeat(self, account_id: int, import_id: str, accepted: int, rejected: int) -> None:
        """Record how far the reading is; without it for a minute, the import counts as aborted."""
        async with self._database.account(account_id) as connection:
            await connection.execute(queries.HEARTBEAT, account_id, UUID(import_id), accepted, rejected)

    async def end(self, account_id: int, import_id: str, state: str, accepted: int, rejected: int) -> None:
        """Record how the reading ended: ``accepted`` or ``aborted``."""
        async with self._database.account(account_id) as connection:
            await connection.execute(queries.END_IMPORT, account_id, UUID(import_id), state, accepted, rejected)

    async def add_rejections(self, account_id: int, import_id: str, rejections: Sequence[Rejection]) -> None:
        """Keep refused records, so that they can be listed."""
        async with self._database.account(account_id) as connection:
            await connection.execute(
                queries.ADD_REJECTIONS,
                account_id,
                UUID(import_id),
                [position for position, _ in rejections],
                [str(problem.code) for _, problem in rejections],
                [problem.field for _, problem in rejections],
                [problem.message for _, problem in rejections],
                [problem.external_id for _, problem in rejections],
            )

    async def forget(self, before: UUID) -> int:
        """Delete imports with an id before that one, of all accounts; returns how many rows went."""
        gone = 0
        async with self._database.control() as connection:
            accounts = [row["id"] for row in await connection.fetch(queries.ACCOUNTS)]
        for account_id in accounts:
            for statement in queries.FORGET_IMPORTS:
                deleted = -1
                while deleted:
                    async with self._database.account(account_id) as connection:
                        status = await connection.execute(statement, account_id, before)
                    deleted = int(status.rpartition(" ")[2])
                    gone += deleted
        return gone

    async def get(self, account_id: int, import_id: UUID) -> dict[str, Any] | None:
        """An import's progress."""
        async with self._database.account(account_id) as connection:
            row = await connection.fetchrow(queries.IMPORT, account_id, import_id)
        return import_document(row) if row else None

    async def issues(
        self, account_id: int, import_id: UUID, severity: str, after: tuple[int, str], limit: int
    ) -> list[dict[str, Any]]:
        """Refused records (``rejected``) or doubtful fields of accepted ones (``warning``), by position."""
        async with self._database.account(account_id) as connection:
            return await _issues(connection, account_id, import_id, severity, after, limit)


async def _issues(
    connection: Any, account_id: int, import_id: UUID, severity: str, after: tuple[int, str], limit: int
) -> list[dict[str, Any]]:
    rows = await connection.fetch(queries.IMPORT_ISSUES, account_id, import_id, severity, *after, limit)
    return [
        {
            "index": row["position"],
            "code": row["code"],
            "field": row["field"],
            "message": row["message"],
            "external_id": row["external_id"],
            "part": row["part"],
        }
        for row in rows
    ]


def import_document(row: asyncpg.Record) -> dict[str, Any]:
    """An import with its progress, as the API shows it."""
    done = row["created"] + row["updated"] + row["unchanged"] + row["refused"]
    state = row["state"]
    if state == "accepted":
        state = "completed" if done >= row["accepted"] else "processing"
    percent = 100.0 if state == "completed" else round(min(100.0 * done / max(row["accepted"], 1), 99.9), 1)
    moments = {name: row[name] for name in ("created_at", "received_at", "updated_at")}
    return {
        "import_id": str(row["id"]),
        "source": row["source"],
        "format": row["format"],
        "state": state,
        "progress": percent,
        "accepted": row["accepted"],
        "created": row["created"],
        "updated": row["updated"],
        "unchanged": row["unchanged"],
        "rejected": row["rejected"] + row["refused"],
        "created_by": row["created_by"],
        **{name: rfc3339(moment) if moment else None for name, moment in moments.items()},
    }

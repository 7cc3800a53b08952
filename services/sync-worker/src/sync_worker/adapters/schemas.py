"""``sync.remote_schema`` and ``sync.drift`` behind methods."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import asyncpg

from hub.contracts.pulling import Owner
from sync_worker.adapters import queries_reading as q
from sync_worker.adapters.targets import Place
from sync_worker.domain.drift import Drift, Seen


class Schemas:
    """The tables, in sync-worker's role."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def before(self, place: Place, fresh_seconds: float) -> tuple[Seen | None, bool]:
        """The fields as last seen, and whether that was not long ago."""
        row = await self._pool.fetchrow(q.SCHEMA_SEEN, place.account_id, place.connection_id, fresh_seconds)
        return (row["fields"], row["fresh"]) if row else (None, False)

    async def keep(self, place: Place, fields: dict[str, Any], owners: Sequence[Owner], found: Sequence[Drift]) -> None:
        """What was seen, and what is wrong with it, instead of what was found wrong before.

        A field that vanished stays listed until it is back: the fields seen before keep it.
        """
        key = (place.account_id, place.connection_id)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(q.KEEP_SCHEMA, *key, fields, [asdict(owner) for owner in owners])
            rows = [[each.field for each in found], [each.kind for each in found], [each.detail for each in found]]
            await connection.execute(q.FORGET_DRIFT, *key, *rows[:2])
            await connection.execute(q.KEEP_DRIFT, *key, *rows)

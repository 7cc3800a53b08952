"""The audit trail in PostgreSQL."""

from collections.abc import Sequence

import asyncpg

from audit.adapters.queries import RECORD
from audit.domain.entry import Entry


class PostgresTrail:
    """Appends entries; nothing else is possible, the table refuses it."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def append(self, entries: Sequence[Entry]) -> int:
        """Record entries, each at most once however often it is appended; returns how many were new."""
        new: int = await self._pool.fetchval(RECORD, *zip(*entries, strict=True))
        return new

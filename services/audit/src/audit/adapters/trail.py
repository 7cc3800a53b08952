"""The audit trail in PostgreSQL."""

from collections.abc import Sequence
from operator import itemgetter

import asyncpg

from audit.adapters.queries import RECORD
from audit.domain.entry import Entry
from hub.store.copying import copy_lines, whole
from hub.store.pool import may_copy

_KINDS = ("bigint", "uuid", "text", "timestamptz", *["text"] * 7, "json")  # of Entry's fields
_COPY_FROM_ROWS = 50  # below, COPY's extra round trips cost more than they save


class PostgresTrail:
    """Appends entries; nothing else is possible, the table refuses it."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._may_copy: bool | None = None

    async def append(self, entries: Sequence[Entry]) -> int:
        """Record entries, each at most once however often it is appended; returns how many were new."""
        if len(entries) >= _COPY_FROM_ROWS and await self._copied(entries):
            return len(entries)
        new: int = await self._pool.fetchval(RECORD, *zip(*entries, strict=True))
        return new

    async def _copied(self, entries: Sequence[Entry]) -> bool:
        """All of them, as new ones; False when some are not, or this role may not COPY: nothing was written then."""
        async with self._pool.acquire() as connection:
            if self._may_copy is None:
                self._may_copy = await may_copy(connection)
            if not self._may_copy:
                return False
            # In key order, as in RECORD: copies of the service never deadlock.
            ordered = sorted(entries, key=itemgetter(0, 1))
            try:
                await connection.copy_to_table(
                    "entry", schema_name="audit", columns=Entry._fields, source=whole(_lines(ordered))
                )
            except asyncpg.UniqueViolationError:
                return False
        return True


def _lines(entries: Sequence[Entry]) -> bytes:
    return copy_lines(_KINDS, [(*entry[:-1], None if entry.details == b"{}" else entry.details) for entry in entries])

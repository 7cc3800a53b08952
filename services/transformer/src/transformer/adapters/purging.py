"""What the transformer forgets in time: ids of handled events, and what it had to say about old imports."""

import time
from datetime import timedelta
from uuid import UUID

import asyncpg

from transformer.adapters import queries

_DAY_MILLISECONDS = 86_400_000


async def forget(pool: asyncpg.Pool, *, inbox_days: float, import_days: float) -> int:
    """Delete what is older, a bounded number of rows a time; returns how many rows went.

    Import ids are UUIDv7: their first 48 bits are milliseconds since 1970, so that older ones are smaller ones.
    """
    milliseconds = int(time.time() * 1000 - import_days * _DAY_MILLISECONDS)
    first_kept = UUID(int=max(0, milliseconds) << 80)
    gone = await _delete(pool, queries.FORGET_HANDLED, timedelta(days=inbox_days))
    for statement in queries.FORGET_IMPORTS:
        gone += await _delete(pool, statement, first_kept)
    return gone


async def _delete(pool: asyncpg.Pool, statement: str, limit: timedelta | UUID) -> int:
    gone, deleted = 0, -1
    while deleted:
        deleted = int((await pool.execute(statement, limit)).rpartition(" ")[2])
        gone += deleted
    return gone

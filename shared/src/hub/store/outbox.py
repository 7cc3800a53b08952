"""Events that are committed with the data they tell of, and published afterwards, at least once."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby

import asyncpg
import structlog

from hub.bus.protocol import Publisher
from hub.contracts.cloudevents import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, Event, encode_event, join_batch
from hub.contracts.errors import Unavailable

_log = structlog.get_logger()
_POLL_SECONDS = 1.0
_ROWS_IN_HAND = 8


class Outbox:
    """One service's outbox table. Rows are whole message bodies: up to 500 events of one type each."""

    def __init__(self, pool: asyncpg.Pool, table: str) -> None:
        self._pool = pool
        self._wake = asyncio.Event()
        self._add = f"INSERT INTO {table} (type, body) SELECT * FROM unnest($1::text[], $2::bytea[])"
        # Locked rows are another copy's; a row that we publish but fail to delete is published again.
        self._take = f"SELECT id, type, body FROM {table} ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED"
        self._drop = f"DELETE FROM {table} WHERE id = ANY($1::bigint[])"

    async def add(self, connection: asyncpg.Connection, events: Sequence[Event]) -> None:
        """Store events within the caller's transaction; call ``wake`` once it has committed."""
        if not events:
            return
        rows = [row for batch in _by_type(events) for row in _pack(batch)]
        await connection.execute(self._add, [kind for kind, _ in rows], [body for _, body in rows])

    def wake(self) -> None:
        """Tell the relay that rows may be waiting."""
        self._wake.set()

    async def relay(self, bus: Publisher) -> None:
        """Publish and delete rows for ever; a broker or database that is away is waited for."""
        pause = _POLL_SECONDS
        while True:
            self._wake.clear()
            try:
                while await self._relay_some(bus):
                    pass
                pause = _POLL_SECONDS
            except (Unavailable, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                _log.warning("outbox.relay_waits", error=str(error), seconds=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 15.0)
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _POLL_SECONDS)

    async def _relay_some(self, bus: Publisher) -> int:
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(self._take, _ROWS_IN_HAND)
            if rows:
                await asyncio.gather(*(bus.publish_batch(row["type"], row["body"]) for row in rows))
                await connection.execute(self._drop, [row["id"] for row in rows])
            return len(rows)


def _by_type(events: Sequence[Event]) -> list[list[Event]]:
    ordered = sorted(events, key=lambda event: event.type)  # stable: order within a type is kept
    return [list(group) for _, group in groupby(ordered, key=lambda event: event.type)]


def _pack(events: list[Event]) -> list[tuple[str, bytes]]:
    rows: list[tuple[str, bytes]] = []
    encoded: list[bytes] = []
    size = 0
    for event in events:
        text = encode_event(event)
        if encoded and (len(encoded) >= MAX_BATCH_EVENTS or size + len(text) > MAX_BATCH_BYTES):
            rows.append((events[0].type, join_batch(encoded)))
            encoded, size = [], 0
        encoded.append(text)
        size += len(text) + 1
    rows.append((events[0].type, join_batch(encoded)))
    return rows

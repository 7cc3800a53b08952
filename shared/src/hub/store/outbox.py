"""Events that are committed with the data they tell of, and published afterwards, at least once."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from time import monotonic
from typing import NamedTuple

import asyncpg
import structlog

from hub.bus.protocol import Publisher, TransactionalPublisher
from hub.contracts.cloudevents import (
    MAX_BATCH_BYTES,
    MAX_BATCH_EVENTS,
    MAX_EVENT_BYTES,
    Event,
    encode_event,
    join_batch,
)
from hub.contracts.compression import compressed
from hub.contracts.errors import TooLarge, Unavailable
from hub.store.pool import Connection

_log = structlog.get_logger()
_SWEEP_SECONDS = 2.0
_GRACE = "5 seconds"  # a row this young is on its way already, from the process that wrote it
_ROWS_IN_HAND = 8
_FRESH_AT_MOST = 64  # batches kept in memory while the broker is slow; what is beyond waits in the table
_AWAY = (
    *(Unavailable, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError),
    asyncpg.InternalClientError,  # a connection whose server was killed in the middle of an answer
)


class StoredBatch(NamedTuple):
    """An outbox row: one encoded message body. Without an id: no row, but a message that is on the bus already."""

    id: int | None
    type: str
    body: bytes


class Outbox:
    """One service's outbox table. Rows are whole message bodies: up to 500 events of one type each.

    The process that wrote a row publishes it straight from memory; the table is read again only for rows that were
    left behind, by a crash or by a broker that was away.

    With ``within``, a bus in the same database (see ``hub.bus.transactional``), messages do without the table: they are
    on the bus when the transaction commits. Rows of times with another bus are relayed all the same.
    """

    def __init__(self, pool: asyncpg.Pool, table: str, within: TransactionalPublisher | None = None) -> None:
        self._pool, self._within = pool, within
        self._unannounced: set[str] = set()
        self._wake = asyncio.Event()
        self._fresh: deque[StoredBatch] = deque()
        self._add = f"INSERT INTO {table} (type, body) SELECT * FROM unnest($1::text[], $2::bytea[]) RETURNING id"  # noqa: S608 - a constant of ours
        # Locked rows are another copy's; a row that we publish but fail to delete is published again.
        self._take = f"""SELECT id, type, body FROM {table} WHERE created_at < now() - interval '{_GRACE}'
                         ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED"""  # noqa: S608
        # Without waiting for the disk: a row whose deletion is lost in a crash is published again.
        self._drop = f"""WITH lightly AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
                         DELETE FROM {table} USING lightly WHERE id = ANY($1::bigint[])"""  # noqa: S608

    async def add(self, connection: Connection, events: Sequence[Event]) -> list[StoredBatch]:
        """Store events within the caller's transaction; hand the result to ``wake`` once that has committed.

        Raises TooLarge for an event that the bus would refuse, so that nothing is stored which could never leave.
        """
        return await self.add_packed(connection, pack(events))

    async def add_packed(self, connection: Connection, rows: Sequence[tuple[str, bytes]]) -> list[StoredBatch]:
        """The same for events that ``pack`` made messages of."""
        if not rows:
            return []
        if self._within is not None:
            await self._within.publish_within(connection, rows)
            return [StoredBatch(None, kind, b"") for kind, _ in rows]
        ids = await connection.fetch(self._add, [kind for kind, _ in rows], [body for _, body in rows])
        return [StoredBatch(row["id"], *batch) for row, batch in zip(ids, rows, strict=True)]

    def wake(self, stored: Sequence[StoredBatch]) -> None:
        """These rows are committed: publish them now."""
        if self._within is not None:
            self._unannounced.update(batch.type for batch in stored)
        else:
            self._fresh.extend(stored[: max(0, _FRESH_AT_MOST - len(self._fresh))])
        self._wake.set()

    async def relay(self, bus: Publisher) -> None:
        """Publish and delete rows for ever; a broker or database that is away is waited for."""
        pause, swept_at = 1.0, 0.0
        while True:
            self._wake.clear()
            try:
                await self._announce()
                while self._fresh:
                    await self._relay_fresh(bus)
                if monotonic() - swept_at > _SWEEP_SECONDS:
                    while await self._relay_left_behind(bus):
                        pass
                    swept_at = monotonic()
                pause = 1.0
            except _AWAY as error:
                _log.warning("outbox.relay_waits", error=str(error), seconds=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 10.0)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_SWEEP_SECONDS):  # wait_for would lose a cancellation that meets a wake-up
                    await self._wake.wait()

    async def _announce(self) -> None:
        if self._within is not None and self._unannounced:
            types, self._unannounced = self._unannounced, set()
            await self._within.announce(types)

    async def _relay_fresh(self, bus: Publisher) -> None:
        rows = [self._fresh.popleft() for _ in range(min(_ROWS_IN_HAND, len(self._fresh)))]
        await _publish(bus, rows)
        await self._pool.execute(self._drop, [row.id for row in rows])

    async def _relay_left_behind(self, bus: Publisher) -> int:
        async with self._pool.acquire() as connection, connection.transaction():
            rows = [StoredBatch(*row) for row in await connection.fetch(self._take, _ROWS_IN_HAND)]
            if rows:
                await _publish(bus, rows)
                await connection.execute(self._drop, [row.id for row in rows])
            return len(rows)


async def _publish(bus: Publisher, rows: Sequence[StoredBatch]) -> None:
    results = await asyncio.gather(*(bus.publish_batch(row.type, row.body) for row in rows), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


class Packing:
    """Makes message bodies of events, in their order within a type.

    Each is encoded as it is told, so that its parts need not live on.
    """

    def __init__(self) -> None:
        self._rows: dict[str, list[bytes]] = {}  # type -> full bodies
        self._encoded: dict[str, list[bytes]] = {}  # type -> events of the next body
        self._sizes: dict[str, int] = {}

    def tell(self, event: Event) -> None:
        """One more event. Raises TooLarge for one that the bus would refuse."""
        text, kind = encode_event(event), event.type
        if len(text) > MAX_EVENT_BYTES:
            raise TooLarge("the event is larger than the bus takes", limit=MAX_EVENT_BYTES, size=len(text))
        size = self._sizes.get(kind, 0) + len(text) + 1
        encoded = self._encoded.setdefault(kind, [])
        if encoded and (len(encoded) >= MAX_BATCH_EVENTS or size - 1 > MAX_BATCH_BYTES):
            self._rows.setdefault(kind, []).append(compressed(join_batch(encoded)))
            encoded.clear()
            size = len(text) + 1
        encoded.append(text)
        self._sizes[kind] = size

    def rows(self) -> list[tuple[str, bytes]]:
        """The message bodies with their type."""
        return [
            (kind, body)
            for kind, rest in sorted(self._encoded.items())
            for body in (*self._rows.get(kind, ()), compressed(join_batch(rest)))
        ]


def pack(events: Iterable[Event]) -> list[tuple[str, bytes]]:
    """Events as message bodies with their type. Raises TooLarge for an event that the bus would refuse."""
    packing = Packing()
    for event in events:
        packing.tell(event)
    return packing.rows()

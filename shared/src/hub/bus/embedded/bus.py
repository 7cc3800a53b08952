"""The embedded transport, put together."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from hub.bus.backoff import pauses
from hub.bus.brake import BrakeSettings
from hub.bus.embedded import queries
from hub.bus.embedded.database import DATABASE_AWAY, open_pool
from hub.bus.embedded.subscription import EmbeddedSubscription
from hub.bus.protocol import BatchHandler, ConsumerOptions, DeadLetter
from hub.bus.publisher import GroupCommitPublisher, PublishLimits
from hub.contracts.errors import Unavailable
from hub.contracts.ids import rfc3339
from hub.contracts.topology import Queue

_PUBLISHING_CONNECTIONS = 4
_HEALTH_SECONDS = 2.0
_DEAD_SUFFIX = ".dead"
_log = structlog.get_logger(__name__)


class EmbeddedBus(GroupCommitPublisher):
    """The Bus protocol over tables. Make it inside a running event loop."""

    def __init__(
        self, url: str, *, name: str, queues: Sequence[Queue], limits: PublishLimits, brake: BrakeSettings
    ) -> None:
        self._url, self._name, self._queues, self._brake = url, name, tuple(queues), brake
        self._pool: asyncpg.Pool | None = None
        self._subscriptions: list[EmbeddedSubscription] = []
        super().__init__(self._store, limits)

    async def connect(self) -> None:
        """Connect and declare the topology; tries until it succeeds or is cancelled."""
        for pause in pauses(longest=5.0):
            try:
                self._pool = self._pool or await open_pool(self._url, self._name, _PUBLISHING_CONNECTIONS)
                await self._declare(self._queues)
                return
            except DATABASE_AWAY as error:
                _log.warning("bus.connecting_failed", bus=self._name, error=repr(error))
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Stop all subscriptions, flush what was published, disconnect."""
        await asyncio.gather(*(subscription.stop() for subscription in self._subscriptions))
        self._subscriptions.clear()
        await super().close()
        if self._pool is not None:
            self._pool.terminate()

    async def healthy(self) -> bool:
        """Whether the database takes writes now."""
        try:
            async with asyncio.timeout(_HEALTH_SECONDS):
                return bool(await self._connected().fetchval(queries.WRITABLE))
        except (Unavailable, *DATABASE_AWAY):
            return False

    async def consume(self, queue: Queue, handler: BatchHandler, options: ConsumerOptions) -> EmbeddedSubscription:
        """Start a competing consumer; returns when it is registered."""
        await self._declare((queue,))
        subscription = EmbeddedSubscription(self._url, self._name, queue, handler, options, self._brake)
        self._subscriptions.append(subscription)
        await subscription.attached()
        return subscription

    async def depth(self, queue: str) -> int:
        """Messages waiting in a queue, not those in a consumer's hand; 0 where there is no such queue."""
        if queue.endswith(_DEAD_SUFFIX):
            return int(await self._connected().fetchval(queries.DEAD_DEPTH, queue.removesuffix(_DEAD_SUFFIX)))
        return int(await self._connected().fetchval(queries.DEPTH, queue))

    async def dead_letters(self, queue: Queue, limit: int = 100) -> list[DeadLetter]:
        """The oldest dead letters of a queue; they stay where they are."""
        rows = await self._connected().fetch(queries.DEAD_LETTERS, queue.name, limit)
        return [
            DeadLetter(
                id=row["id"],
                queue=queue.name,
                reason=row["reason"],
                body=row["body"],
                died_at=rfc3339(row["died_at"]),
                headers={"attempt": row["attempt"]},
            )
            for row in rows
        ]

    async def redrive(self, queue: Queue, ids: Sequence[str] | None = None) -> int:
        """Put dead letters (all, or those named) back into their queue; returns how many."""
        pool = self._connected()
        rows = await pool.fetch(queries.REDRIVE, queue.name, None if ids is None else list(ids))
        await pool.execute(queries.NOTIFY, [queue.name])
        return len(rows)

    async def discard(self, queue: Queue, ids: Sequence[str] | None = None) -> int:
        """Delete dead letters (all, or those named) for good; returns how many."""
        status = await self._connected().execute(queries.DISCARD, queue.name, None if ids is None else list(ids))
        return int(status.rpartition(" ")[2])

    @property
    def url(self) -> str:
        """The database that carries this bus."""
        return self._url

    async def publish_within(self, connection: Any, messages: Sequence[tuple[str, bytes]]) -> None:
        """TransactionalPublisher, for transactions of this bus's database.

        The transaction may commit without waiting for the disk: whatever a consumer writes because of a message comes
        later in the same write-ahead log, so that no crash keeps the effect and loses the message's own data.
        """
        types, bodies = [event_type for event_type, _ in messages], [body for _, body in messages]
        if await connection.fetchval(queries.PUBLISH_WITHIN, types, bodies) != len(messages):
            raise Unavailable(f"no queue is bound to one of {sorted(set(types))}: nobody would ever get the message")

    async def announce(self, event_types: Collection[str]) -> None:
        """TransactionalPublisher: wake the consumers; a database that is away is no matter, they look themselves."""
        try:
            await self._connected().execute(queries.ANNOUNCE, list(event_types))
        except (Unavailable, *DATABASE_AWAY) as error:
            _log.warning("bus.notify_failed", bus=self._name, error=repr(error))

    async def _declare(self, queues: Sequence[Queue]) -> None:
        bindings = [(event_type, queue.name) for queue in queues for event_type in queue.binds]
        async with self._connected().acquire() as connection, connection.transaction():
            names, limits = [queue.name for queue in queues], [queue.delivery_limit for queue in queues]
            await connection.execute(queries.DECLARE_QUEUES, names, limits)
            types, bound = [event_type for event_type, _ in bindings], [queue for _, queue in bindings]
            await connection.execute(queries.DECLARE_BINDINGS, types, bound)

    async def _store(self, event_type: str, body: bytes) -> None:
        """Send: one INSERT a message, committed to disk before it returns."""
        pool = self._connected()
        try:
            async with pool.acquire() as connection:
                queues = [row["queue"] for row in await connection.fetch(queries.PUBLISH, event_type, body)]
                if queues:
                    await self._notify(connection, queues)
        except DATABASE_AWAY as error:
            raise Unavailable(f"the database did not take the message: {error!r}") from error
        if not queues:
            raise Unavailable(f"no queue is bound to {event_type!r}: nobody would ever get this message")

    async def _notify(self, connection: PoolConnectionProxy, queues: list[str]) -> None:
        try:
            await connection.execute(queries.NOTIFY, queues)
        except DATABASE_AWAY as error:  # it is stored; consumers look for themselves every second
            _log.warning("bus.notify_failed", bus=self._name, error=repr(error))

    def _connected(self) -> asyncpg.Pool:
        if self._pool is None:
            raise Unavailable("the bus is not connected")
        return self._pool

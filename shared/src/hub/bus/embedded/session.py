"""A consumer's own database session: it holds the lock that says the consumer lives, and hears of new messages."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg

from hub.bus.embedded import queries
from hub.bus.embedded.database import open_session
from hub.bus.settlement import Letter, Settlement


class Session:
    """One connection, used by one statement at a time."""

    def __init__(self, connection: asyncpg.Connection, queue: str, consumer: int) -> None:
        self._connection, self._queue, self._consumer = connection, queue, consumer
        self._turn = asyncio.Lock()

    @classmethod
    async def open(
        cls, url: str, name: str, queue: str, consumer: int | None, in_hand: Sequence[int], wake: Callable[[], None]
    ) -> "Session":
        """Connect and take up the consumer ``consumer`` (a new one for None), which has ``in_hand`` already."""
        connection = await open_session(url, name)
        try:
            if consumer is None:
                consumer = int(await connection.fetchval(queries.NEW_CONSUMER))
            await connection.execute(queries.LOCK, consumer)
            await connection.execute(queries.REGISTER, consumer, queue, name)
            await connection.execute(queries.RELEASE_OTHERS, queue, consumer, in_hand)
            await connection.add_listener(queue, lambda *_: wake())
            connection.add_termination_listener(lambda *_: wake())
        except BaseException:
            connection.terminate()
            raise
        return cls(connection, queue, consumer)

    @property
    def consumer(self) -> int:
        """The consumer's number."""
        return self._consumer

    @property
    def is_closed(self) -> bool:
        """Whether the connection is gone."""
        return bool(self._connection.is_closed())

    async def claim(self, messages: int) -> list[Any]:
        """Up to so many waiting messages: rows of (id, attempt, deliveries, body)."""
        async with self._turn:
            return list(await self._connection.fetch(queries.CLAIM, self._queue, self._consumer, messages))

    async def settle(self, settlement: Settlement) -> None:
        """Letters and acknowledgement in one transaction; for messages that were taken from us, neither."""
        ids = [delivery.tag for delivery in settlement.deliveries]
        async with self._turn:
            if not (settlement.again or settlement.dead):
                await self._connection.execute(queries.ACKNOWLEDGE, self._queue, self._consumer, ids)
                return
            async with self._connection.transaction():
                rows = await self._connection.fetch(queries.ACKNOWLEDGE, self._queue, self._consumer, ids)
                ours = {row["id"] for row in rows}
                await self._write(
                    [letter for letter in settlement.again if letter.origin in ours],
                    [letter for letter in settlement.dead if letter.origin in ours],
                )

    async def _write(self, again: list[Letter], dead: list[Letter]) -> None:
        if again:
            bodies, attempts = [letter.body for letter in again], [letter.attempt for letter in again]
            await self._connection.execute(queries.AGAIN, self._queue, bodies, attempts)
        if dead:
            columns = zip(*((each.id, _text(each.reason), each.attempt, each.body) for each in dead), strict=True)
            await self._connection.execute(queries.BURY, self._queue, *map(list, columns))

    async def give_back(self, ids: Sequence[int]) -> None:
        """Let other consumers have them."""
        async with self._turn:
            await self._connection.execute(queries.GIVE_BACK, self._queue, self._consumer, ids)
            await self._connection.execute(queries.NOTIFY, [self._queue])

    async def tend(self, sweep: bool) -> None:
        """Free what dead consumers of this queue had in hand; with ``sweep`` also delete bodies nobody needs."""
        async with self._turn:
            dead = [row["id"] for row in await self._connection.fetch(queries.DEAD_CONSUMERS, self._queue)]
            if dead:
                await self._connection.execute(queries.FREE, self._queue, dead)
            if sweep:
                await self._connection.execute(queries.SWEEP)

    async def close(self, unregister: bool) -> None:
        """Disconnect; with ``unregister`` the consumer ends for good."""
        try:
            if unregister and not self.is_closed:
                async with self._turn:
                    await self._connection.execute(queries.UNREGISTER, self._consumer)
        finally:
            self._connection.terminate()


def _text(reason: str) -> str:
    return reason.replace("\x00", "")  # PostgreSQL has no NUL in text

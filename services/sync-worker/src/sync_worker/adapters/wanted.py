"""``sync.wanted`` behind methods: records that CRMs told of without saying what they hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg

from hub.contracts.cloudevents import Event
from hub.store.outbox import Outbox
from sync_worker.adapters import queries_reading as q
from sync_worker.adapters.targets import Place


@dataclass(frozen=True, slots=True)
class Hints:
    """Records in hand, how often each was told of, and the most attempts that one of them had."""

    claim: UUID
    heard: dict[str, int]
    attempts: int


class Wanted:
    """The table, in sync-worker's role."""

    def __init__(self, pool: asyncpg.Pool, outbox: Outbox, lease: float) -> None:
        self._pool, self._outbox, self._lease = pool, outbox, lease

    async def hear(self, accounts: Sequence[int], connections: Sequence[int], records: Sequence[str]) -> None:
        """Remember that these are to be read."""
        await self._pool.execute(q.HEAR, accounts, connections, records)

    async def claim(self, place: Place, most: int) -> Hints:
        """Take due ones of a connection in hand."""
        claim = uuid4()
        key = (place.account_id, place.connection_id)
        rows = await self._pool.fetch(q.CLAIM_WANTED, *key, most, claim, self._lease)
        heard = {row["record_id"]: row["heard"] for row in rows}
        return Hints(claim, heard, max((row["attempts"] for row in rows), default=0))

    async def told(self, place: Place, hints: Hints, events: Sequence[Event]) -> None:
        """They were read: publish, and forget the hints, together."""
        async with self._pool.acquire() as connection, connection.transaction():
            key = (place.account_id, place.connection_id)
            await connection.execute(q.DROP_WANTED, *key, list(hints.heard), list(hints.heard.values()), hints.claim)
            stored = await self._outbox.add(connection, events)
        self._outbox.wake(stored)

    async def put_off(self, place: Place, hints: Hints, setbacks: int, delay: float) -> None:
        """Try again later."""
        await self._pool.execute(q.PUT_OFF_WANTED, place.account_id, place.connection_id, hints.claim, setbacks, delay)

    async def wanting(self) -> list[Place]:
        """Connections that have something to read."""
        return [Place(*row) for row in await self._pool.fetch(q.WANTING)]

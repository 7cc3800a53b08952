"""``sync.run`` and ``sync.stream`` behind methods: what is to be read, and how far it has come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID, uuid4

import asyncpg

from hub.contracts.cloudevents import Event
from hub.contracts.connector import DONE, Capability
from hub.contracts.pulling import Cursor, Page, PullMode
from hub.contracts.schedule import HOURLY, next_run
from hub.registry import CONNECTORS
from hub.store.outbox import Outbox
from sync_worker.adapters import queries_reading as q
from sync_worker.adapters.targets import Place

Outcome = Literal["done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Run:
    """A claimed run."""

    place: Place
    id: UUID
    claim: UUID
    kind: str
    mode: PullMode
    cursor: Cursor | None
    attempts: int
    started_at: datetime
    last_event: UUID | None
    read: bool  # all pages are durable

    @property
    def key(self) -> tuple[int, int, UUID, UUID]:
        """The first four parameters of every statement about it."""
        return self.place.account_id, self.place.connection_id, self.id, self.claim


class NotOurs(Exception):
    """The run was paused or cancelled, or its claim ran out and another process has it: stop at once."""


class Runs:
    """The tables, in sync-worker's role. ``lease`` (seconds) is how long a claim lasts without a sign of life."""

    def __init__(self, pool: asyncpg.Pool, outbox: Outbox, lease: float) -> None:
        self._pool, self._outbox, self.lease = pool, outbox, lease

    async def claim(self, most: int) -> list[Run]:
        """Runs to work on."""
        claim = uuid4()
        rows = await self._pool.fetch(q.CLAIM_RUN, most, claim, self.lease)
        return [_run(row, claim) for row in rows]

    async def keep(self, run: Run) -> None:
        """A sign of life. Raises NotOurs."""
        if not await self._pool.fetchval(q.KEEP_RUN, *run.key, self.lease):
            raise NotOurs

    async def page(self, run: Run, page: Page, events: Sequence[Event]) -> None:
        """A page's records and the cursor after it, together. Raises NotOurs, and then nothing is stored."""
        gone = sum(record.deleted or record.merged_into is not None for record in page.records)
        last = UUID(events[-1].id) if events else None
        async with self._pool.acquire() as connection, connection.transaction():
            kept = await connection.fetchval(
                q.PAGE, *run.key, page.cursor, len(page.records), gone, page.total, last, page.done, self.lease
            )
            if not kept:
                raise NotOurs
            if run.mode is PullMode.FULL and page.records:
                met = [record.record_id for record in page.records if not record.deleted]
                await connection.execute(q.MET, *run.key[:3], met)
            stored = await self._outbox.add(connection, events)
        self._outbox.wake(stored)

    async def tell(self, run: Run, events: Sequence[Event]) -> None:
        """Records that a full reading found to be gone. Raises NotOurs."""
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(q.KEEP_RUN, *run.key, self.lease):
                raise NotOurs
            stored = await self._outbox.add(connection, events)
        self._outbox.wake(stored)

    async def missed(self, run: Run, after: str, most: int) -> list[str]:
        """The next linked records that a full reading did not meet, in order of their ids."""
        rows = await self._pool.fetch(q.MISSED, *run.key[:3], run.started_at, after, most)
        return [row["external_id"] for row in rows]

    async def implausible(self, run: Run) -> bool:
        """Whether the CRM showed fewer than half of the records that are linked: no list to delete by."""
        return bool(await self._pool.fetchval(q.IMPLAUSIBLE, *run.key[:3], run.started_at))

    async def arrived(self, account_id: int, event_id: UUID) -> bool:
        """Whether the transformer has handled the event."""
        return bool(await self._pool.fetchval(q.ARRIVED, account_id, event_id))

    async def put_off(self, run: Run, attempts: int, error: dict[str, Any], delay: float) -> None:
        """Go on later, perhaps elsewhere."""
        await self._pool.execute(q.PUT_OFF, *run.key, attempts, error, delay)

    async def finish(self, run: Run, outcome: Outcome, attempts: int, error: dict[str, Any] | None, tell: Any) -> bool:
        """End it; ``tell(row)`` makes the event that says so. False when it was not ours any more."""
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(q.FINISH, *run.key, outcome, error, attempts)
            if row is None:
                return False
            await connection.execute(q.FORGET_MET, *run.key[:3])
            stored = await self._outbox.add(connection, [tell(row)])
        self._outbox.wake(stored)
        return True

    async def ask(self, place: Place, kind: str, mode: PullMode, who: str) -> UUID | None:
        """A new run, unless there is one that has not ended."""
        found: UUID | None = await self._pool.fetchval(
            q.ASK, place.account_id, place.connection_id, uuid4(), kind, mode, who
        )
        return found

    async def begin(self, place: Place, schedule: str, who: str) -> bool:
        """A connection was connected: from now on it is read. Returns whether a first reading was begun."""
        try:
            when = next_run(schedule, datetime.now(UTC))
        except ValueError:  # configurations are checked when they are written
            schedule, when = HOURLY, next_run(HOURLY, datetime.now(UTC))
        unread = await self._pool.fetchval(q.BEGIN_STREAM, place.account_id, place.connection_id, schedule, when)
        mode = PullMode.FULL if unread else PullMode.CHANGES
        return bool(await self.ask(place, "backfill" if unread else "on_demand", mode, who)) and bool(unread)

    async def schedule(self, place: Place) -> str | None:
        """When the connection is to be read; None: it is not there, or its connector reads nothing."""
        row = await self._pool.fetchrow(q.SCHEDULE, place.account_id, place.connection_id)
        connector = CONNECTORS.get(row["crm_type"]) if row else None
        if row is None or connector is None or connector.manifest.scorecard[Capability.PULL] != DONE:
            return None
        return str(row["schedule"])

    async def unread(self, place: Place) -> bool:
        """Whether the connection's first reading has not ended."""
        return bool(await self._pool.fetchval(q.UNREAD, place.account_id, place.connection_id))

    async def ask_by_clock(self) -> int:
        """Runs for all streams whose time has come. Returns how many."""
        async with self._pool.acquire() as connection, connection.transaction():
            due = await connection.fetch(q.DUE_STREAMS, 100)
            for account_id, connection_id, schedule, unread in due:
                mode = PullMode.FULL if unread else PullMode.CHANGES
                await connection.execute(q.ASK, account_id, connection_id, uuid4(), "scheduled", mode, "schedule")
                try:
                    when = next_run(schedule, datetime.now(UTC))
                except ValueError:
                    when = None
                await connection.execute(q.PLAN_NEXT, account_id, connection_id, when)
        return len(due)


def _run(row: asyncpg.Record, claim: UUID) -> Run:
    cursor = row["cursor"]
    mode = PullMode(row["mode"])
    if mode is PullMode.CHANGES and cursor is None:
        mode = PullMode.FULL  # nothing was ever read to its end
    return Run(
        Place(row["account_id"], row["connection_id"]),
        row["id"],
        claim,
        row["kind"],
        mode,
        cursor,
        row["attempts"],
        row["started_at"],
        row["last_event"],
        row["read_at"] is not None,
    )

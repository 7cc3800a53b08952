"""What becomes of a batch: translate, lock, load, decide, write; events leave by the outbox."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import asyncpg
import structlog

from hub.contracts import events as e
from hub.contracts.cloudevents import Event
from hub.contracts.errors import HubError, Outcome, dead
from hub.store.outbox import Outbox, StoredBatch
from hub.store.pool import Connection
from transformer.adapters import queries, tables
from transformer.adapters.directory import Directory
from transformer.adapters.ids import LeadIds
from transformer.adapters.reading import load, lock
from transformer.adapters.writing import write
from transformer.domain.decide import Decider, Known
from transformer.domain.incoming import Context, Incoming, Rejected, Translate
from transformer.domain.translate import crm_record_received, enrollment_received, lead_received, lead_synced

_log = structlog.get_logger()
_ATTEMPTS = 5
_SMALL_BATCH = 20  # above, the next batch begins while this one's commit is on its way to the disk

HANDLERS: dict[str, Translate] = {
    e.LEAD_RECEIVED: lead_received,
    e.CRM_RECORD_RECEIVED: crm_record_received,
    e.ENROLLMENT_RECEIVED: enrollment_received,
    e.LEAD_SYNCED: lead_synced,
}


class Transformer:
    """The batch handler, with what it works on."""

    def __init__(self, pool: asyncpg.Pool, outbox: Outbox, directory: Directory) -> None:
        self._pool = pool
        self._outbox = outbox
        self._directory = directory
        self._ids = LeadIds()
        self._may_copy: bool | None = None

    async def handle(self, events: Sequence[Event]) -> Mapping[str, Outcome]:
        """Make leads of a batch. Events that break the contract are dead; bad records are rejected and listed."""
        batch, outcomes = translate(events, await self._directory.context(events))
        if batch:
            await self._settle(batch)
        return outcomes

    async def _settle(self, batch: list[Incoming | Rejected]) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                stored = await self._transact(batch)
                if len(batch) > _SMALL_BATCH:
                    await self._pool.execute(queries.BARRIER)
                self._outbox.wake(stored)
                return
            except (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError) as error:
                # Another copy handled some of these events, or met us half-way: look again.
                _log.info("transformer.batch_again", attempt=attempt, error=type(error).__name__)
                if attempt == _ATTEMPTS:
                    raise

    async def _transact(self, batch: list[Incoming | Rejected]) -> list[StoredBatch]:
        async with self._pool.acquire() as connection, connection.transaction():
            writes = [item for item in batch if isinstance(item, Incoming)]
            if len(batch) > _SMALL_BATCH:
                await connection.execute(queries.COMMIT_WITHOUT_WAITING)
            if writes:
                await lock(connection, writes)
            fresh = await self._fresh(connection, batch)
            if not fresh:
                return []
            writes = [item for item in fresh if isinstance(item, Incoming)]
            known = await load(connection, writes) if writes else Known()
            await self._ids.reserve(connection, len(writes))
            now = datetime.now(UTC)
            plan = Decider(known, self._ids.take, now).decide(fresh)
            if self._may_copy is None:
                self._may_copy = bool(await connection.fetchval(tables.MAY_COPY))
            await write(connection, plan, now, copy=self._may_copy)
            return await self._outbox.add(connection, plan.events)

    async def _fresh(self, connection: Connection, batch: list[Incoming | Rejected]) -> list[Incoming | Rejected]:
        by_id = {item.event.id: item for item in batch}  # a batch may hold an event twice
        accounts = [item.event.account_id for item in by_id.values()]
        for row in await connection.fetch(queries.HANDLED, accounts, list(by_id)):
            del by_id[row["event_id"]]
        return list(by_id.values())


def translate(events: Sequence[Event], context: Context) -> tuple[list[Incoming | Rejected], dict[str, Outcome]]:
    """The batch in the domain's terms, and the outcome of every event that is none of ours or breaks its contract."""
    batch: list[Incoming | Rejected] = []
    outcomes: dict[str, Outcome] = {}
    for event in events:
        translator = HANDLERS.get(event.type)
        if translator is None:
            outcomes[event.id] = dead(f"no handler for {event.type}")
            continue
        try:
            batch.append(translator(event, context))
        except HubError as error:
            outcomes[event.id] = dead(f"{error.error_code}: {error.message}")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            outcomes[event.id] = dead(f"the event breaks its contract: {type(error).__name__}: {error}")
    return batch, outcomes

"""What becomes of a batch: translate, load, decide, write; events leave by the outbox."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import asyncpg
import structlog

from hub.contracts import events as e
from hub.contracts.cloudevents import Event
from hub.contracts.errors import HubError, Outcome, TooLarge, dead
from hub.store.arrays import number_array, text_array
from hub.store.outbox import Outbox, Packing, StoredBatch
from hub.store.pool import Connection, may_copy
from hub.telemetry.failures import words
from transformer.adapters import queries
from transformer.adapters.directory import Directory
from transformer.adapters.ids import LeadIds
from transformer.adapters.reading import load
from transformer.adapters.writing import Writes, count, prepare, write
from transformer.domain.decide import Decider, Known
from transformer.domain.incoming import Context, Incoming, Rejected, Translate, rejection
from transformer.domain.translate import canonical, crm_record_received, enrollment_received, lead_received, lead_synced
from transformer.domain.turns import Overtaken, Turns, about

_log = structlog.get_logger()
_ATTEMPTS = 6
_HOPEFUL_ATTEMPTS = 2  # then the turn is taken first
_SMALL_BATCH = 20  # above, the next batch is written while this one's commit is on its way to the disk

Batch = list[Incoming | Rejected]

HANDLERS: dict[str, Translate] = {
    e.LEAD_RECEIVED: lead_received,
    e.CRM_RECORD_RECEIVED: crm_record_received,
    e.ENROLLMENT_RECEIVED: enrollment_received,
    e.LEAD_SYNCED: lead_synced,
}


class Decided(NamedTuple):
    """A plan made ready, its events as messages, and what it rests on."""

    writes: Writes
    messages: list[tuple[str, bytes]]
    rests_on: frozenset[str]


class Transformer:
    """The batch handler, with what it works on."""

    def __init__(self, pool: asyncpg.Pool, outbox: Outbox, directory: Directory) -> None:
        self._pool = pool
        self._outbox = outbox
        self._directory = directory
        self._ids = LeadIds()
        self._turns = Turns()

    async def handle(self, events: Sequence[Event]) -> Mapping[str, Outcome]:
        """Make leads of a batch. Events that break the contract are dead; bad records are rejected and listed."""
        context = await self._directory.context(events)
        batch, outcomes = translate(events, context)
        if batch:
            await self._settle_or_reject(batch)
        return outcomes

    async def _settle_or_reject(self, batch: Batch) -> None:
        try:
            await self._settle(batch)
        except TooLarge:
            # Merged, the lead is more than an event can tell. The bus isolates the record that does it.
            if len(batch) > 1 or not isinstance(batch[0], Incoming):
                raise
            told = "the lead would become larger than a lead may be"
            await self._settle([rejection(batch[0], "LEAD_TOO_LARGE", told)])

    async def _settle(self, batch: Batch) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                async with self._pool.acquire() as connection:
                    settle = self._decide_then_write if attempt <= _HOPEFUL_ATTEMPTS else self._decide_in_turn
                    stored = await settle(connection, batch)
                    if len(batch) > _SMALL_BATCH:
                        await connection.execute(queries.BARRIER)
                self._outbox.wake(stored)
                return
            except (Overtaken, asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError) as error:
                # Another copy handled some of these events, or wrote about the same people: look again.
                _log.info("transformer.batch_again", attempt=attempt, error=type(error).__name__)
                if attempt == _ATTEMPTS:
                    raise

    async def _decide_then_write(self, connection: Connection, batch: Batch) -> list[StoredBatch]:
        """Decided on and written without the turn; only its check and the commit are in turn.

        Whoever has the turn waits for nobody's rows: what several batches write (an import's progress) comes after it.
        """
        accounts = sorted({item.event.account_id for item in batch})
        seen = {row["account_id"]: row["recent"] for row in await connection.fetch(queries.TURNS_SEEN, accounts)}
        decided = await self._decide(connection, batch)
        token = self._turns.enter(decided.rests_on)
        async with connection.transaction():
            if len(batch) > _SMALL_BATCH:
                await connection.execute(queries.COMMIT_WITHOUT_WAITING)
            stored = await self._write(connection, decided)
            now = {
                account: recent[:-1] for account, recent in await connection.fetch(queries.TAKE_TURN, accounts, token)
            }
            self._turns.check(decided.rests_on, seen, now)
            await count(connection, decided.writes.plan)
            return stored

    async def _decide_in_turn(self, connection: Connection, batch: Batch) -> list[StoredBatch]:
        """With the turn taken first: for a batch that was overtaken again and again."""
        accounts = sorted({item.event.account_id for item in batch})
        async with connection.transaction():
            await connection.execute(queries.TAKE_TURN, accounts, self._turns.unknown())
            decided = await self._decide(connection, batch)
            stored = await self._write(connection, decided)
            await count(connection, decided.writes.plan)
            return stored

    async def _decide(self, connection: Connection, batch: Batch) -> Decided:
        fresh = await self._fresh(connection, batch)
        writes = [item for item in fresh if isinstance(item, Incoming)]
        known = await load(connection, writes) if writes else Known()
        ids = await self._ids.reserve(connection, len(writes))
        copy = await self._may_copy(connection)
        decided = _decided(fresh, writes, known, ids, copy)
        self._ids.give_back(ids)
        return decided

    async def _write(self, connection: Connection, decided: Decided) -> list[StoredBatch]:
        if not decided.writes.plan.inbox:
            return []
        await write(connection, decided.writes)
        return await self._outbox.add_packed(connection, decided.messages)

    async def _fresh(self, connection: Connection, batch: Batch) -> Batch:
        by_key = {(item.event.account_id, item.event.id): item for item in batch}  # a batch may hold an event twice
        accounts, ids = zip(*by_key, strict=True)
        for row in await connection.fetch(queries.HANDLED, number_array(accounts), text_array(ids)):
            by_key.pop((row["account_id"], row["event_id"]), None)
        return list(by_key.values())

    async def _may_copy(self, connection: Connection) -> bool:
        if self._copies is None:
            self._copies = await may_copy(connection)
        return self._copies

    _copies: bool | None = None


def _decided(fresh: Batch, writes: list[Incoming], known: Known, ids: list[int], copy: bool) -> Decided:
    rests_on = about(writes, known)  # before deciding, which adds the batch's own leads
    packing = Packing()
    plan = Decider(known, ids.pop, datetime.now(UTC), packing.tell).decide(fresh)
    return Decided(prepare(plan, copy=copy), packing.rows(), rests_on)


def translate(events: Sequence[Event], context: Context) -> tuple[Batch, dict[str, Outcome]]:
    """The batch in the domain's terms, and the outcome of every event that is none of ours or breaks its contract."""
    batch: Batch = []
    outcomes: dict[str, Outcome] = {}
    for event in events:
        translator = HANDLERS.get(event.type)
        if translator is None:
            outcomes[event.id] = dead(f"no handler for {event.type}")
            continue
        if event.account_id not in context.regions:  # its leads would be found by whoever gets that number one day
            outcomes[event.id] = dead(f"there is no account {event.account_id}")
            continue
        try:
            batch.append(translator(canonical(event), context))
        except HubError as error:
            outcomes[event.id] = dead(f"{error.error_code}: {error.message}")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            outcomes[event.id] = dead(f"the event breaks its contract: {words(error)}")
    return batch, outcomes

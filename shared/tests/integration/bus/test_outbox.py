"""Events are committed with the data they tell of, then heard: by way of the outbox, or at once where they can be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import pytest

from hub.bus import open_bus, transactional
from hub.bus.protocol import Bus, ConsumerOptions
from hub.contracts.errors import Unavailable
from hub.contracts.topology import Queue
from hub.local.postgres import LocalPostgres
from hub.store.outbox import Outbox, pack
from hub.store.pool import open_pool
from hub.testing.buses import Lab, Recorder, eventually, make_events


@pytest.fixture(params=["hub_transformer", "hub_sync_worker"])
async def pool(request: pytest.FixtureRequest, private_postgres: LocalPostgres) -> AsyncIterator[asyncpg.Pool]:
    """Connections of a service that has an outbox."""
    async with await open_pool(private_postgres.url, request.param) as pool:
        yield pool


@pytest.fixture
def table(pool: asyncpg.Pool, request: pytest.FixtureRequest) -> str:
    return "sync.outbox" if "hub_sync_worker" in request.node.name else "leads.outbox"


class Sender:
    """An outbox in use: what is added, and whether its relay runs."""

    def __init__(self, pool: asyncpg.Pool, table: str, bus: Bus, database_url: str) -> None:
        self.pool, self.bus = pool, bus
        self.outbox = Outbox(pool, table, transactional(bus, database_url))
        self.left = f"SELECT count(*) FROM {table}"  # noqa: S608 - one of two tables

    async def commit(self, queue: Queue, count: int) -> list[str]:
        """Events in one transaction, and the news that they are committed; returns their ids."""
        events = make_events(queue, count)
        async with self.pool.acquire() as connection, connection.transaction():
            stored = await self.outbox.add(connection, events)
        self.outbox.wake(stored)
        return [event.id for event in events]

    async def relayed(self) -> None:
        """Let the relay work until nothing is left to do."""
        relay = asyncio.create_task(self.outbox.relay(self.bus))

        async def nothing_left() -> bool:
            return bool(await self.pool.fetchval(self.left) == 0)

        try:
            await eventually(nothing_left)
        finally:
            relay.cancel()
            with suppress(asyncio.CancelledError):
                await relay


async def test_what_is_committed_is_heard_once_and_in_order(
    lab: Lab, pool: asyncpg.Pool, table: str, private_postgres: LocalPostgres
) -> None:
    queue, recorder = lab.queue(), Recorder()
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    sender = Sender(pool, table, bus, private_postgres.url)
    ids = await sender.commit(queue, 1_200) + await sender.commit(queue, 3)
    await sender.relayed()
    await recorder.finishes(len(ids))
    assert recorder.done == ids


async def test_what_is_undone_is_never_heard(
    lab: Lab, pool: asyncpg.Pool, table: str, private_postgres: LocalPostgres
) -> None:
    queue, recorder = lab.queue(), Recorder()
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    sender = Sender(pool, table, bus, private_postgres.url)
    async with pool.acquire() as connection:
        undone = connection.transaction()
        await undone.start()
        await sender.outbox.add(connection, make_events(queue, 5))
        await undone.rollback()
    ids = await sender.commit(queue, 1)
    await sender.relayed()
    await recorder.finishes(1)
    assert recorder.done == ids


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
async def test_the_embedded_bus_has_messages_although_their_writer_died_after_the_commit(
    lab: Lab, pool: asyncpg.Pool, table: str, private_postgres: LocalPostgres
) -> None:
    queue, recorder = lab.queue(), Recorder()
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    sender = Sender(pool, table, bus, private_postgres.url)
    ids = await sender.commit(queue, 3)  # no relay runs: nobody is told
    assert await pool.fetchval(sender.left) == 0
    await recorder.finishes(3, within=5.0)
    assert recorder.done == ids


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
async def test_a_type_that_no_queue_hears_undoes_the_transaction(
    lab: Lab, pool: asyncpg.Pool, table: str, private_postgres: LocalPostgres
) -> None:
    queue, unbound, recorder = lab.queue(), lab.queue(), Recorder()
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    sender = Sender(pool, table, bus, private_postgres.url)
    with pytest.raises(Unavailable):
        async with pool.acquire() as connection, connection.transaction():
            await sender.outbox.add_packed(connection, pack(make_events(queue, 1) + make_events(unbound, 1)))
    ids = await sender.commit(queue, 1)
    await recorder.finishes(1)
    assert recorder.done == ids


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
async def test_rows_of_times_with_another_bus_are_relayed_to_the_embedded_one(
    lab: Lab, pool: asyncpg.Pool, table: str, private_postgres: LocalPostgres
) -> None:
    queue, recorder = lab.queue(), Recorder()
    bus = await lab.open(queue)
    await bus.consume(queue, recorder, ConsumerOptions())
    events = make_events(queue, 3)
    rows = [(kind, body) for kind, body in pack(events)]
    await pool.executemany(
        f"INSERT INTO {table} (type, body, created_at) VALUES ($1, $2, now() - interval '1 minute')",  # noqa: S608
        rows,
    )
    await Sender(pool, table, bus, private_postgres.url).relayed()
    await recorder.finishes(3)
    assert recorder.done == [event.id for event in events]


async def test_only_a_bus_in_the_same_database_joins_transactions(private_postgres: LocalPostgres) -> None:
    here = open_bus(private_postgres.url, name="test")
    assert transactional(here, private_postgres.url) is not None
    assert transactional(here, private_postgres.url + "_2") is None
    assert transactional(open_bus("amqp://127.0.0.1:1/", name="test"), private_postgres.url) is None

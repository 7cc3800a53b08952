"""A CRM that is down, read-only or locked: the work waits for it."""

import asyncio
from typing import Any

from hub.testing.strange_crms import read_only_crm
from simulators.custom.app import running
from simulators.custom.faults import Faults

QUICK = {"retry_config": {"max_attempts": 3, "initial_delay": 50, "max_delay": 200, "backoff_multiplier": 2}}


async def test_a_refused_key_stops_the_connection_and_a_new_one_starts_it(
    world: Any, worker: Any, eventually: Any, people: Any
) -> None:
    connection = await world.connect(**QUICK)
    await world.give_key(connection, "an old key")

    async def status() -> Any:
        return await world.database.fetchval("SELECT status FROM control.connection WHERE id = $1", connection)

    async def is_refused() -> bool:
        return bool(await status() == "needs_reauth")

    async with worker():
        await world.write(people(range(1, 21)))
        await eventually(is_refused)
        await eventually(lambda: world.database.fetchval("SELECT bool_and(claim IS NULL) FROM sync.target"))
        asked = world.requests("POST /leads", "GET /leads")
        await world.write(people([21]))
        await asyncio.sleep(0.6)
        assert world.requests("POST /leads", "GET /leads") == asked  # nothing more is sent
        rows = await world.targets(connection)
        assert {(row["state"], row["attempts"]) for row in rows} == {("due", 0)}

        await world.give_key(connection, "canary-crm-key-5c1d")
        await eventually(lambda: world.all_in(connection, "in_sync", 21))
    assert set(world.crm.crm.store.creations().values()) == {1}


async def test_one_stray_401_does_not_stop_the_connection(
    world: Any, worker: Any, eventually: Any, people: Any
) -> None:
    connection = await world.connect(**QUICK)
    world.crm.crm.gate.faults = Faults(refuse_key_next=1)
    async with worker():
        await world.write(people(range(1, 6)))
        await eventually(lambda: world.all_in(connection, "in_sync", 5))
    assert await world.database.fetchval("SELECT status FROM control.connection") == "connected"


async def test_a_crm_that_is_down_costs_no_lead_an_attempt(
    world: Any, worker: Any, eventually: Any, people: Any
) -> None:
    port, folder = world.crm.port, world.folder
    connection = await world.connect(**QUICK)
    async with running(folder / "other.sqlite", "canary-crm-key-5c1d") as other:
        port = other.port  # free again as soon as this one has ended
    url = f"http://127.0.0.1:{port}/v2"
    await world.move(connection, url)
    async with worker():
        await world.write(people(range(1, 51)))
        await asyncio.sleep(1.5)
        await world.write(people([51]))
        rows = await world.targets(connection)
        assert {(row["state"], row["attempts"]) for row in rows} == {("due", 0)}
        async with running(folder / "other.sqlite", "canary-crm-key-5c1d", port=port) as other:
            await eventually(lambda: world.all_in(connection, "in_sync", 51))
            assert set(other.crm.store.creations().values()) == {1}


async def test_a_crm_that_only_reads_fails_few_leads_and_gets_all_later(
    world: Any, worker: Any, eventually: Any, people: Any
) -> None:
    connection = await world.connect(**QUICK)
    async with read_only_crm(503) as (url, calls, answer), worker(sync_concurrency=4):
        await world.move(connection, url)
        await world.write(people(range(1, 101)))
        await eventually(lambda: calls.total() > 14)
        await asyncio.sleep(1)
        assert calls.total() < 30  # one at a time, with pauses
        assert max(row["attempts"] for row in await world.targets(connection)) <= 2
        answer[0] = 201
        await eventually(lambda: world.all_in(connection, "in_sync", 100))


async def test_a_key_that_may_only_read_is_refused(world: Any, worker: Any, eventually: Any, people: Any) -> None:
    connection = await world.connect(**QUICK)
    async with read_only_crm(403) as (url, _, _), worker():
        await world.move(connection, url)
        await world.write(people(range(1, 31)))
        query = "SELECT status = 'needs_reauth' FROM control.connection"
        await eventually(lambda: world.database.fetchval(query))
        await eventually(lambda: world.database.fetchval("SELECT bool_and(claim IS NULL) FROM sync.target"))
    assert {row["state"] for row in await world.targets(connection)} == {"due"}


async def test_a_paused_connection_gets_nothing_until_it_is_resumed(
    world: Any, worker: Any, eventually: Any, people: Any
) -> None:
    connection = await world.connect()
    change = "UPDATE control.connection SET status = $1, updated_at = now()"
    async with worker():
        await world.write(people([1]))
        await eventually(lambda: world.all_in(connection, "in_sync", 1))
        await world.database.execute(change, "paused")
        await asyncio.sleep(0.5)
        await world.write(people([2]))
        await asyncio.sleep(0.5)
        assert world.requests("POST /leads") == 1
        await world.database.execute(change, "connected")
        await eventually(lambda: world.all_in(connection, "in_sync", 2))

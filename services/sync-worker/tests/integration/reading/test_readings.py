"""Reading a CRM: page by page, before it is written, one at a time, resumable; setbacks are waited out or named."""

import asyncio
from typing import Any

import pytest

from hub.contracts import events as e
from hub.testing.strange_crms import nonsense_crm
from simulators.custom.faults import Faults

from .neighbours import PAGED, ask, ended, runs, told, transformer


async def test_a_new_connection_is_read_before_it_is_written(
    world: Any, worker: Any, eventually: Any, people: Any
) -> None:
    ids = [world.crm.crm.create({"email": f"p{n}@example.com"}, by_api=False)["id"] for n in range(50)]
    await world.write(people(range(1, 4)), tell=False)
    connection_id = await world.connect(**PAGED)
    async with transformer(world), worker():
        await world.announce(connection_id)
        await eventually(ended(world, connection_id, 1))
        assert await told(world) == ids
        await eventually(lambda: world.all_in(connection_id, "in_sync", 3))  # then the account's leads are written
    (run,) = await runs(world, connection_id)
    assert (run["kind"], run["mode"], run["records"], run["total"], run["pages"]) == ("backfill", "full", 50, 50, 3)
    (finished,) = [each for each in await world.said() if each.type == e.SYNC_FINISHED]
    e.SyncFinished.model_validate(finished.data)
    assert (finished.data["outcome"], finished.data["records"]) == ("done", 50)
    stream = await world.database.fetchrow("SELECT * FROM sync.stream")
    assert stream["cursor"]["since"]
    assert stream["next_run_at"] is not None


async def test_nobody_is_written_while_a_new_connection_is_read(
    world: Any, worker: Any, eventually: Any, people: Any
) -> None:
    for number in range(60):
        world.crm.crm.create({"email": f"p{number}@example.com"}, by_api=False)
    world.crm.crm.gate.faults = Faults(latency_ms=300)
    connection_id = await world.connect(**PAGED)
    async with transformer(world), worker():
        await world.announce(connection_id)

        async def begun() -> bool:
            return bool(await runs(world, connection_id))

        await eventually(begun)
        await world.write(people([1]))  # a live lead, before the reading is over
        while not await ended(world, connection_id, 1)():
            assert world.requests("POST /leads") == 0
            await asyncio.sleep(0.02)
        world.crm.crm.gate.faults = Faults()
        await eventually(lambda: world.all_in(connection_id, "in_sync", 1))
    assert world.requests("POST /leads") == 1


async def test_nobody_is_written_before_the_first_reading_begins(
    world: Any, worker: Any, eventually: Any, people: Any
) -> None:
    world.crm.crm.create({"email": "p1@example.com"}, by_api=False)
    connection_id = await world.connect(**PAGED)
    await world.database.execute(  # as the gateway stores it with the connection
        "INSERT INTO sync.stream (account_id, connection_id) VALUES ($1, $2)", world.account_id, connection_id
    )
    async with transformer(world), worker():
        await world.write(people([2]))  # a live lead, before anybody heard of the connection

        async def due() -> bool:
            return bool(await world.all_in(connection_id, "due", 1))

        await eventually(due)
        await asyncio.sleep(0.5)
        assert world.requests("POST /leads") == 0
        await world.announce(connection_id)
        await eventually(lambda: world.all_in(connection_id, "in_sync", 1))
    assert [run["state"] for run in await runs(world, connection_id)] == ["done"]
    assert world.requests("POST /leads") == 1


async def test_a_later_reading_tells_what_changed(world: Any, worker: Any, eventually: Any) -> None:
    world.crm.crm.create({"email": "a@example.com"}, by_api=False)
    connection_id = await world.connect(**PAGED)
    async with transformer(world), worker():
        await world.announce(connection_id)
        await eventually(ended(world, connection_id, 1))
        new = world.crm.crm.create({"email": "b@example.com"}, by_api=False)["id"]
        await ask(world, connection_id)
        await eventually(ended(world, connection_id, 2))
        assert (await told(world)).count(new) == 1
        await ask(world, connection_id)
        await eventually(ended(world, connection_id, 3))
    assert [row["mode"] for row in await runs(world, connection_id)] == ["full", "changes", "changes"]


async def test_only_one_reading_at_a_time_and_it_can_be_paused_and_cancelled(
    world: Any, worker: Any, eventually: Any
) -> None:
    for number in range(200):
        world.crm.crm.create({"email": f"p{number}@example.com"}, by_api=False)
    world.crm.crm.gate.faults = Faults(latency_ms=150)
    connection_id = await world.connect(**PAGED)

    async def pages() -> int:
        return int((await runs(world, connection_id))[0]["pages"])

    async with transformer(world), worker():
        await world.announce(connection_id)

        async def begun() -> bool:
            return bool(await runs(world, connection_id)) and await pages() > 1

        await eventually(begun)
        await world.database.execute("UPDATE sync.run SET state = 'paused'")
        await asyncio.sleep(0.5)
        stood = await pages()
        await asyncio.sleep(0.6)
        assert await pages() == stood < 10
        await world.database.execute("UPDATE sync.run SET state = 'queued', claim = NULL, claimed_until = NULL")

        async def moved() -> bool:
            return await pages() > stood

        await eventually(moved)
        await world.database.execute("UPDATE sync.run SET state = 'cancelled'")
        await asyncio.sleep(0.6)
        stood = await pages()
        await asyncio.sleep(0.5)
        assert await pages() == stood < 10


async def test_setbacks_are_waited_out_and_nothing_is_lost(world: Any, worker: Any, eventually: Any) -> None:
    ids = [world.crm.crm.create({"email": f"p{n}@example.com"}, by_api=False)["id"] for n in range(100)]
    world.crm.crm.gate.faults = Faults(
        error_next=4, reset_before_next=2, html_next=2, rate_limit_next=2, retry_after=0.1
    )
    connection_id = await world.connect(**PAGED, retry_config={"initial_delay": 20, "max_delay": 100})
    async with transformer(world), worker():
        await world.announce(connection_id)
        await eventually(ended(world, connection_id, 1), within=30)
    assert list(dict.fromkeys(await told(world))) == ids


@pytest.mark.parametrize("body", [b"<html>sorry</html>", b'{"data": [{"id": 1'])
async def test_a_crm_that_answers_nonsense_is_named(world: Any, worker: Any, eventually: Any, body: bytes) -> None:
    async with nonsense_crm(body) as url:
        connection_id = await world.connect(**PAGED, retry_config={"initial_delay": 10, "max_delay": 20})
        await world.move(connection_id, url)
        async with worker():
            await ask(world, connection_id, "full")
            await eventually(ended(world, connection_id, 1, "failed"), within=20)
    (run,) = await runs(world, connection_id)
    assert run["error"]["code"] in ("HTML_ANSWER", "NOT_JSON")
    (finished,) = [each for each in await world.said() if each.type == e.SYNC_FINISHED]
    assert (finished.data["outcome"], finished.data["code"]) == ("failed", run["error"]["code"])

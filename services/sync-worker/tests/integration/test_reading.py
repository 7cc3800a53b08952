"""Reading a CRM: page by page, durable, resumable; hints fetched; what is gone is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub.contracts import events as e
from hub.contracts.cloudevents import Event
from hub.testing.strange_crms import nonsense_crm
from simulators.custom.faults import Faults

PAGED = {"paging": {"kind": "page", "size": 20, "size_param": "per_page", "total_path": "total"}}


@asynccontextmanager
async def transformer(world: Any) -> AsyncIterator[None]:
    """Takes note of all that was read, as the transformer does."""

    async def note() -> None:
        while True:
            read = [each for each in await world.said() if each.type == e.CRM_RECORD_RECEIVED]
            await world.database.execute(
                """INSERT INTO leads.inbox (account_id, event_id, outcome) SELECT $1, unnest($2::uuid[]), 'created'
                   ON CONFLICT DO NOTHING""",
                world.account_id,
                [UUID(each.id) for each in read],
            )
            await asyncio.sleep(0.05)

    task = asyncio.create_task(note())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def told(world: Any, event: str = "lead.updated") -> list[str]:
    """Record ids that were told of, in order, repetitions included."""
    said = await world.said()
    return [
        each.data["record_id"] for each in said if each.type == e.CRM_RECORD_RECEIVED and each.data["event"] == event
    ]


async def runs(world: Any, connection_id: int) -> list[Any]:
    """Rows of sync.run, oldest first."""
    rows: list[Any] = await world.database.fetch(
        "SELECT * FROM sync.run WHERE connection_id = $1 ORDER BY created_at", connection_id
    )
    return rows


async def ask(world: Any, connection_id: int, mode: str = "changes") -> None:
    """What the gateway does when somebody wants a reading."""
    run_id = uuid4()
    await world.database.execute(
        """INSERT INTO sync.run (account_id, connection_id, id, kind, mode, requested_by)
           VALUES ($1, $2, $3, $4, $5, 'me')""",
        world.account_id,
        connection_id,
        run_id,
        "on_demand",
        mode,
    )
    data = {"connection_id": connection_id, "crm_type": "custom", "run_id": str(run_id), "actor": {"user": "me"}}
    await world.bus.publish(Event(e.CONNECTION_SYNC_REQUESTED, world.account_id, "connection", data, "gateway"))


def ended(world: Any, connection_id: int, count: int, state: str = "done") -> Callable[[], Any]:
    """Whether so many runs have come to this end."""

    async def check() -> bool:
        return [row["state"] for row in await runs(world, connection_id)].count(state) >= count

    return check


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


async def test_records_that_a_webhook_only_named_are_fetched(world: Any, worker: Any, eventually: Any) -> None:
    connection_id = await world.connect(schedule="manual", **PAGED)
    one = world.crm.crm.create({"email": "a@example.com"}, by_api=False)["id"]

    async def hint(record_id: str) -> None:
        data = {
            "connection_id": connection_id,
            "crm_type": "custom",
            "record_id": record_id,
            "actor": {"user": "custom"},
        }
        await world.bus.publish(Event(e.CRM_RECORD_CHANGED, world.account_id, "record", data, "gateway"))

    async with worker():
        for record_id in (one, one, "nobody"):
            await hint(record_id)

        async def heard() -> bool:
            return await told(world) == [one] and await told(world, "lead.deleted") == ["nobody"]

        await eventually(heard)
        world.crm.crm.change(one, {"city": "Bonn"}, by_api=False, replace=False)
        await hint(one)

        async def again() -> bool:
            return await told(world) == [one, one]

        await eventually(again)
        assert await world.database.fetchval("SELECT count(*) FROM sync.wanted") == 0


async def test_a_full_reading_tells_of_linked_records_that_are_gone(world: Any, worker: Any, eventually: Any) -> None:
    connection_id = await world.connect(**PAGED)
    ids = [world.crm.crm.create({"email": f"p{n}@example.com"}, by_api=False)["id"] for n in range(30)]
    for number, record_id in enumerate([*ids, "GONE-1", "GONE-2"]):
        await world.link(connection_id, number + 1, record_id, {})
    async with transformer(world), worker():
        await ask(world, connection_id, "full")
        await eventually(ended(world, connection_id, 1))
    assert sorted(await told(world, "lead.deleted")) == ["GONE-1", "GONE-2"]
    assert await world.database.fetchval("SELECT count(*) FROM sync.met") == 0


async def test_an_unlinked_lead_is_not_written_to_the_crm_again(
    world: Any, worker: Any, eventually: Any, people: Any
) -> None:
    connection_id = await world.connect(schedule="manual")
    async with worker():
        await world.write(people([1, 2]))
        await eventually(lambda: world.all_in(connection_id, "in_sync", 2))
        (first, _) = await world.targets(connection_id)
        world.crm.crm.delete(first["external_id"], by_api=False)
        data = {
            "lead_id": 1,
            "connection_id": connection_id,
            "crm_type": "custom",
            "external_id": first["external_id"],
            "reason": "deleted",
            "archived": True,
            "actor": {"user": "custom"},
        }
        await world.bus.publish(Event(e.LEAD_UNLINKED, world.account_id, "lead/1", data, "transformer"))

        async def gone() -> bool:
            return [row["state"] for row in await world.targets(connection_id)] == ["gone", "in_sync"]

        await eventually(gone)
        await world.write({1: {"city": "Bonn"}, 2: {"city": "Köln"}})

        async def pushed() -> bool:
            return bool(world.records().get("MPP-2", {}).get("city") == "Köln")

        await eventually(pushed)
        assert "MPP-1" not in world.records()
        record = world.crm.crm.create({"first_name": "Ana"}, by_api=False)
        await world.link(connection_id, 1, record["id"], {})  # it came back
        await world.write({1: {"city": "Trier"}})

        async def written_again() -> bool:
            return [row["state"] for row in await world.targets(connection_id)] == ["in_sync", "in_sync"]

        await eventually(written_again)
        assert world.records()["MPP-1"]["city"] == "Trier"


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

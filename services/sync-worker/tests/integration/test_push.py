"""Leads reach the CRM: created, updated, coalesced, left alone."""

from typing import Any

from hub.contracts import events as e
from hub.contracts.cloudevents import Event
from hub.contracts.topology import SYNC_WORKER
from simulators.custom.faults import Faults


async def test_a_lead_is_created_then_updated_with_what_changed(world: Any, worker: Any, eventually: Any) -> None:
    connection = await world.connect(update_method="PATCH")
    async with worker():
        await world.write({1: {"first_name": "Ana", "email": "ana@example.com", "agent_id": "agent7", "notes": None}})
        await eventually(lambda: world.all_in(connection, "in_sync", 1))
        record = world.records()["MPP-1"]
        assert (record["first_name"], record["owner"]) == ("Ana", "agent7")
        assert "notes" not in record

        await world.write({1: {"first_name": "Anna", "custom.tier": "gold", "email": ""}})
        await eventually(lambda: world.records()["MPP-1"].get("tier") == "gold")
        await eventually(lambda: world.all_in(connection, "in_sync", 1))
    record = world.records()["MPP-1"]
    assert (record["first_name"], record["email"], record["owner"]) == ("Anna", "", "agent7")
    assert (world.requests("POST /leads"), world.requests("PATCH /leads/{id}")) == (1, 1)
    (target,) = await world.targets(connection)
    assert (target["pushed_version"], target["external_id"], target["intent"]) == (2, record["id"], None)
    daily = await world.database.fetchrow("SELECT * FROM sync.daily")
    assert (daily["pushed"], daily["failed"]) == (2, 0)
    assert daily["last_sync_at"] is not None


async def test_what_happened_is_published_in_the_catalogue_s_shape(world: Any, worker: Any, eventually: Any) -> None:
    connection = await world.connect()
    async with worker():
        (cause,) = await world.write({1: {"first_name": "Ana", "email": "ana@example.com"}})
        await eventually(lambda: world.all_in(connection, "in_sync", 1))
        await eventually(lambda: world.said())
    (event,) = await world.said()
    assert (event.type, event.subject, event.causation_id) == (e.LEAD_SYNCED, "lead/1", cause.id)
    data = e.LeadSynced.model_validate(event.data)
    assert (data.action, data.version, data.connection_id) == ("create", 1, connection)
    assert data.base == {"first_name": "Ana", "email": "ana@example.com"}
    assert data.external_id == world.records()["MPP-1"]["id"]


async def test_a_version_that_never_was_does_not_keep_a_lead_due(world: Any, worker: Any, eventually: Any) -> None:
    connection = await world.connect()
    async with worker():
        (event,) = await world.write({1: {"first_name": "Ana"}}, tell=False)
        forged = {**event.data, "lead": {**event.data["lead"], "version": 2**31 - 1}}
        await world.bus.publish(Event(e.LEAD_UPDATED, world.account_id, "lead/1", forged, "somebody"))
        await eventually(lambda: world.all_in(connection, "in_sync", 1))
        await world.write({1: {"first_name": "Anna"}})
        await eventually(lambda: world.records().get("MPP-1", {}).get("first_name") == "Anna")
        await eventually(lambda: world.all_in(connection, "in_sync", 1))
    (target,) = await world.targets(connection)
    assert (target["desired_version"], target["pushed_version"]) == (2, 2)


async def test_put_sends_the_whole_record(world: Any, worker: Any, eventually: Any) -> None:
    connection = await world.connect(update_method="PUT")
    async with worker():
        await world.write({1: {"first_name": "Ana", "email": "ana@example.com"}})
        await eventually(lambda: world.all_in(connection, "in_sync", 1))
        await world.write({1: {"first_name": "Anna"}})
        await eventually(lambda: world.records().get("MPP-1", {}).get("first_name") == "Anna")
    assert world.records()["MPP-1"]["email"] == "ana@example.com"


async def test_ten_quick_edits_cost_one_call(world: Any, worker: Any, eventually: Any) -> None:
    connection = await world.connect()
    for number in range(10):
        await world.write({1: {"first_name": f"Ana {number}"}})
    async with worker():
        await eventually(lambda: world.all_in(connection, "in_sync", 1))
    assert world.requests("POST /leads", "PUT /leads/{id}") == 1
    assert world.records()["MPP-1"]["first_name"] == "Ana 9"
    assert (await world.targets(connection))[0]["pushed_version"] == 10


async def test_old_and_repeated_events_change_nothing(world: Any, worker: Any, eventually: Any) -> None:
    connection = await world.connect()
    async with worker():
        first = await world.write({1: {"first_name": "A"}})
        second = await world.write({1: {"first_name": "B"}})
        await eventually(lambda: world.all_in(connection, "in_sync", 1))
        await eventually(lambda: world.records()["MPP-1"]["first_name"] == "B")
        calls = world.requests("POST /leads", "PUT /leads/{id}")
        await world.bus.publish_many([*second, *first, *second])
        await world.write({2: {"first_name": "C"}})  # when this has been handled, so have those
        await eventually(lambda: world.all_in(connection, "in_sync", 2))
    assert world.requests("POST /leads", "PUT /leads/{id}") == calls + 1


async def test_what_came_from_the_crm_is_not_sent_back(world: Any, worker: Any, eventually: Any) -> None:
    connection = await world.connect()
    record = world.crm.crm.create({"first_name": "Ana", "phone": "(210) 555-0123"}, by_api=False)
    fields = {"first_name": "Ana", "phone": "+12105550123"}
    await world.link(connection, 1, record["id"], fields)
    async with worker():
        await world.write({1: fields})
        await eventually(lambda: world.all_in(connection, "in_sync", 1))
        assert world.requests("POST /leads", "PUT /leads/{id}", "GET /leads") == 0

        await world.write({1: {"first_name": "Anna"}})  # now the hub knows better
        await eventually(lambda: world.records().get("MPP-1", {}).get("first_name") == "Anna")
        await eventually(lambda: world.all_in(connection, "in_sync", 1))

        await world.link(connection, 1, record["id"], fields | {"first_name": "Annie"})  # a person edits in the CRM
        await world.write({1: {"first_name": "Annie"}})
        await eventually(lambda: world.all_in(connection, "in_sync", 1))
    assert world.requests("POST /leads") == 0
    assert world.requests("PUT /leads/{id}") == 1


async def test_a_new_connection_gets_every_lead(world: Any, worker: Any, eventually: Any, people: Any) -> None:
    await world.write(people(range(1, 301)), tell=False)
    async with worker():
        connection = await world.connect()
        await world.announce(connection)
        await eventually(lambda: world.all_in(connection, "in_sync", 300))
    assert len(world.records()) == 300
    assert world.requests("POST /leads") == 300


async def test_each_connection_of_the_account_gets_the_lead(world: Any, worker: Any, eventually: Any) -> None:
    first = await world.connect("first")
    second = await world.connect("second", field_mappings={"mpp_fields": {"firstName": "Given"}})
    gone = await world.connect("gone")
    await world.database.execute("UPDATE control.connection SET status = 'disconnected' WHERE id = $1", gone)
    async with worker():
        await world.write({1: {"first_name": "Ana"}})
        await eventually(lambda: world.all_in(first, "in_sync", 1))
        await eventually(lambda: world.all_in(second, "in_sync", 1))
    assert (
        sorted(record.get("first_name") or record["Given"] for record in world.crm.crm.store.everything())
        == ["Ana"] * 2
    )
    assert await world.targets(gone) == []


async def test_an_unreadable_event_is_a_dead_letter(world: Any, worker: Any, eventually: Any) -> None:
    connection = await world.connect()
    async with worker():
        bad = Event(e.LEAD_CREATED, world.account_id, "lead/9", {"lead": {"id": "nine"}}, "transformer")
        await world.bus.publish(bad)
        await world.write({1: {"first_name": "Ana"}})
        await eventually(lambda: world.all_in(connection, "in_sync", 1))
        await eventually(lambda: world.bus.dead_letters(SYNC_WORKER))
    (letter,) = await world.bus.dead_letters(SYNC_WORKER)
    assert letter.id == bad.id


async def test_what_is_about_to_be_sent_is_written_ahead_of_the_call(world: Any, worker: Any, eventually: Any) -> None:
    connection = await world.connect()
    world.crm.crm.gate.faults = Faults(latency_ms=400, reset_after_next=1)
    async with worker():
        await world.write({1: {"first_name": "Ana"}})
        await eventually(lambda: world.requests("POST /leads") == 1)  # it is under way
        assert (await world.targets(connection))[0]["sending"] == {"first_name": "Ana"}
        await eventually(lambda: world.database.fetchval("SELECT last_error IS NOT NULL FROM sync.target"))
        assert (await world.targets(connection))[0]["sending"] == {"first_name": "Ana"}  # for it may be there
        await eventually(lambda: world.all_in(connection, "in_sync", 1))
    assert (await world.targets(connection))[0]["sending"] is None

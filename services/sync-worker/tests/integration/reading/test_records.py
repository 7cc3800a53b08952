"""Single records: those that a webhook only named are fetched, those that are gone are told and left alone."""

from typing import Any

from hub.contracts import events as e
from hub.contracts.cloudevents import Event

from .neighbours import PAGED, ask, ended, told, transformer


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

"""Full calls when there is much to do."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import ClientSession, web

from hub.contracts import events as e


def total(calls: dict[str, int]) -> int:
    return sum(calls.values())


def edits(count: int, city: str) -> dict[int, dict[str, Any]]:
    return {number: {"city": city} for number in range(1, count + 1)}


async def test_a_thousand_edits_are_few_calls(
    vendor: Any, world: Any, working: Any, eventually: Any, people: Any
) -> None:
    await vendor.connect()
    async with working(vendor):
        await world.write(people(range(1, 1001)))
        await eventually(lambda: vendor.in_sync(1000), within=30)
        vendor.calls()
        await world.write(edits(1000, "Bonn"))
        await eventually(lambda: vendor.pushed(2, 1000), within=30)
        calls = vendor.calls()
        assert total(calls) <= {"salesforce": 6, "hubspot": 12}[vendor.crm_type], calls
    assert len(vendor.leads()) == 1000
    assert {lead["city"] for lead in vendor.leads().values()} == {"Bonn"}


async def test_a_lone_edit_goes_at_once(vendor: Any, world: Any, working: Any, eventually: Any, people: Any) -> None:
    await vendor.connect()
    async with working(vendor):
        await world.write(people([1]))
        await eventually(lambda: vendor.in_sync(1))
        await asyncio.sleep(0.5)
        started = time.monotonic()
        await world.write({1: {"city": "Bonn"}})
        await eventually(lambda: vendor.pushed(2, 1))
        assert time.monotonic() - started < 0.5


async def test_a_trickle_of_edits_gathers(vendor: Any, world: Any, working: Any, eventually: Any, people: Any) -> None:
    await vendor.connect()
    async with working(vendor):
        await world.write(people(range(1, 101)))
        await eventually(lambda: vendor.in_sync(100))
        vendor.calls()
        for number in range(1, 101):
            await world.write({number: {"city": "Bonn"}})
            await asyncio.sleep(0.02)
        await eventually(lambda: vendor.pushed(2, 100))
        assert total(vendor.calls()) < 25


async def test_what_fails_in_a_batch_fails_alone(
    vendor: Any, world: Any, working: Any, eventually: Any, people: Any
) -> None:
    await vendor.connect()
    async with working(vendor):
        await world.write(people(range(1, 101)) | {50: {"last_name": "X", "email": "no address"}})
        await eventually(lambda: vendor.pushed(1, 99))
        await eventually(lambda: world.database.fetchval("SELECT state = 'failed' FROM sync.target WHERE lead_id = 50"))
        row = await world.database.fetchrow("SELECT * FROM sync.target WHERE lead_id = 50")
        assert (row["attempts"], row["last_error"]["kind"]) == (1, "validation")
        assert (row["last_error"]["field"] or "").lower() == "email"
        await world.write({50: {"email": "good@example.com"}})
        await eventually(lambda: vendor.in_sync(100))


async def test_a_record_that_users_deleted_is_told_of_and_not_written_again(
    vendor: Any, world: Any, working: Any, eventually: Any, people: Any
) -> None:
    await vendor.connect()
    async with working(vendor):
        await world.write(people(range(1, 11)))
        await eventually(lambda: vendor.in_sync(10))
        lead = vendor.leads()["MPP-4"]
        vendor.sim.delete("Lead" if vendor.crm_type == "salesforce" else "contacts", lead["id"])
        await world.write(edits(10, "Bonn"))
        await eventually(lambda: vendor.pushed(2, 9))
        row = await world.database.fetchrow("SELECT * FROM sync.target WHERE lead_id = 4")
        assert (row["state"], row["external_id"], row["base"], row["claim"]) == ("gone", None, {}, None)

        async def told() -> bool:
            return any(event.type == e.CRM_RECORD_RECEIVED for event in await world.said())

        await eventually(told)
        (event,) = [event for event in await world.said() if event.type == e.CRM_RECORD_RECEIVED]
        assert (event.data["event"], event.data["record_id"]) == ("lead.deleted", lead["id"])
        vendor.calls()
        await world.write({4: {"city": "Köln"}})
        await asyncio.sleep(0.5)
        assert total(vendor.calls()) == 0
        assert "MPP-4" not in vendor.leads()


async def test_a_bad_road_loses_and_doubles_nothing(
    vendor: Any, world: Any, working: Any, eventually: Any, people: Any
) -> None:
    await vendor.connect()
    kinds = ("lost_answer", "reset", "truncate", "html", "status")
    vendor.faults(*({"kind": kind, "probability": 0.03, "status": 503} for kind in kinds))
    async with working(vendor):
        await world.write(people(range(1, 1001)))
        for number in range(10):
            await world.write({lead: {"city": f"City {number}"} for lead in range(number, 1001, 10) if lead})
            await asyncio.sleep(0.1)
        await eventually(lambda: vendor.in_sync(1000), within=60)
    leads = vendor.leads()
    assert len(leads) == 1000
    assert all(lead["city"] == f"City {int(name[4:]) % 10}" for name, lead in leads.items())


@asynccontextmanager
async def allergic(url: str, to: bytes) -> AsyncIterator[tuple[str, list[int]]]:
    """A server before the CRM that breaks down over a word. Yields its address and the records of each refused call."""
    refused: list[int] = []

    async def forward(request: web.Request) -> web.Response:
        body = await request.read()
        if to in body:
            refused.append(len(orjson.loads(body)["records"]))
            return web.Response(status=500, text="<html>oops</html>")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in ("host",)}
        async with session.request(request.method, url + request.path_qs, data=body, headers=headers) as answer:
            return web.Response(body=await answer.read(), status=answer.status, content_type=answer.content_type)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", forward)
    runner = web.AppRunner(app)
    async with ClientSession() as session:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", refused
        await runner.cleanup()


async def test_a_lead_that_breaks_every_call_is_found_and_the_others_get_through(
    salesforce: Any, world: Any, working: Any, eventually: Any, people: Any
) -> None:
    """Batches that fail as a whole travel in halves: nobody's attempt, until one fails alone."""
    async with allergic(salesforce.url, b"POISON") as (url, refused):
        salesforce.base_url = url
        await salesforce.connect()
        async with working(salesforce):
            await world.write(people(range(1, 121)))
            await eventually(lambda: salesforce.in_sync(120))
            await world.write(edits(120, "Bonn") | {77: {"city": "POISON"}})
            await eventually(
                lambda: world.database.fetchval("SELECT state = 'failed' FROM sync.target WHERE lead_id = 77")
            )
            await eventually(lambda: salesforce.pushed(2, 119))
    attempts = await world.database.fetch("SELECT lead_id FROM sync.target WHERE attempts > 0")
    assert [row["lead_id"] for row in attempts] == [77]
    assert refused[-3:] == [1, 1, 1]  # its three attempts; before them, halves
    assert len(refused) < 20

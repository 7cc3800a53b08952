"""The vendors' limits: kept, used, and a part left to the customer."""

import asyncio
from typing import Any

import aiohttp

TEST_CALLS = 8  # at HubSpot, of a new portal


async def test_two_copies_share_a_throttled_portal_and_are_never_refused(
    hubspot: Any, world: Any, processes: Any, eventually: Any, people: Any
) -> None:
    await hubspot.connect()
    hubspot.sim.limits({"burst": 40})
    for _ in range(2):
        processes(oauth_apps=hubspot.apps())
    await world.write(people([1]))
    await eventually(lambda: hubspot.in_sync(1))  # the limit is learnt
    hubspot.calls()
    await world.write(people(range(2, 8001)))
    await eventually(lambda: hubspot.in_sync(8000), within=120)  # how quickly, the bench says
    report = hubspot.sim.ledger.report()
    calls = sum(hubspot.calls().values())
    (burst,) = [window for name, window in report["windows"].items() if name.startswith("burst")]
    assert sum(report["refused"].values()) == 0
    assert burst["peak"] <= 40
    assert calls >= 80


async def test_a_first_reading_counts_the_calls_that_tested_the_connection(
    hubspot: Any, world: Any, working: Any, eventually: Any
) -> None:
    """They are in the portal's window too, and the reading begins at once."""
    await hubspot.connect(burst_limit=30)
    hubspot.sim.limits({"burst": 30})
    async with aiohttp.ClientSession(hubspot.url) as session:
        async with session.post("/control/seed", json={"object": "contacts", "count": 2500, "seed": 7}) as answer:
            assert answer.status < 300
        headers = {"Authorization": f"Bearer {hubspot.grant().access_token}"}
        for _ in range(TEST_CALLS):
            async with session.get("/crm/v3/objects/contacts?limit=1", headers=headers) as answer:
                assert answer.status == 200
    async with working(hubspot):
        await world.announce(hubspot.connection, spent={"burst": TEST_CALLS})

        all_read = "SELECT records = 2500 AND read_at IS NOT NULL FROM sync.run"
        await eventually(lambda: world.database.fetchval(all_read), within=60)
    assert hubspot.refused() == 0
    assert sum(hubspot.calls().values()) > 30


async def test_the_customer_s_share_of_a_day_is_left(
    salesforce: Any, world: Any, working: Any, eventually: Any, people: Any
) -> None:
    """Others use the org's calls too; what they used counts, and the last fifth is not ours."""
    await salesforce.connect(bulk_threshold=100_000)
    salesforce.sim.limits({"daily": 100, "used": 40})
    async with working(salesforce), working(salesforce):
        await world.write(people(range(1, 201)))
        await eventually(lambda: salesforce.in_sync(200))
        salesforce.sim.limits({"used": 65})
        for number in range(30):
            await world.write({lead: {"city": f"City {number}"} for lead in range(1, 201)})
            await asyncio.sleep(0.1)

        async def waits() -> bool:
            query = "SELECT max(last_error ->> 'code') = 'QUOTA_SPENT' FROM sync.target"
            return bool(await world.database.fetchval(query))

        await eventually(waits, within=120)
        await asyncio.sleep(0.5)
        used = salesforce.sim.limits({})["used"]
        assert 75 <= used <= 80
    assert salesforce.refused() == 0
    assert await salesforce.status() == ("connected", None)
    row = await world.database.fetchrow("SELECT * FROM sync.target WHERE state = 'due' LIMIT 1")
    assert row["attempts"] == 0


async def test_a_spent_day_stops_all_copies_at_once(
    salesforce: Any, world: Any, working: Any, eventually: Any, people: Any
) -> None:
    await salesforce.connect()
    salesforce.sim.limits({"daily": 50, "used": 50})
    async with working(salesforce), working(salesforce):
        await world.write(people(range(1, 101)))
        await eventually(
            lambda: world.database.fetchval("SELECT closed_until > now() + interval '1 min' FROM sync.budget")
        )
        await world.write(people(range(101, 201)))
        await asyncio.sleep(1.5)
    assert salesforce.refused() <= 4  # those that were under way
    assert await salesforce.status() == ("connected", None)
    assert {row["attempts"] for row in await world.targets(salesforce.connection)} == {0}

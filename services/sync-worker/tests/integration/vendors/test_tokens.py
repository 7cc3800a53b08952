"""One refresh for all copies; a dead grant stops all of them."""

import asyncio
from typing import Any

import pytest


async def test_two_copies_share_one_refresh(
    salesforce: Any, world: Any, working: Any, eventually: Any, people: Any
) -> None:
    """The org's refresh tokens are good for one use: a second refresh with the same would end the grant."""
    await salesforce.connect()
    async with working(salesforce), working(salesforce):
        await world.write(people(range(1, 401)))
        await eventually(lambda: salesforce.in_sync(400))
        for number in range(3):
            salesforce.sim.grants.expire("all")
            await world.write({lead: {"city": f"City {number}"} for lead in range(1, 401)})
            await eventually(lambda version=number + 2: salesforce.pushed(version, 400))
            assert salesforce.sim.grants.refreshes == number + 1
    assert await salesforce.status() == ("connected", None)
    row = await world.database.fetchrow("SELECT * FROM control.connection")
    assert (row["grant_version"], row["refreshing"]) == (4, None)
    assert row["checked_at"] is not None


async def test_processes_share_one_refresh_and_log_no_token(
    salesforce: Any, world: Any, processes: Any, eventually: Any, people: Any
) -> None:
    await salesforce.connect()
    for _ in range(3):
        processes(oauth_apps=salesforce.apps())
    salesforce.sim.grants.expire("all")
    await world.write(people(range(1, 1201)))
    await eventually(lambda: salesforce.in_sync(1200), within=30)
    assert salesforce.sim.grants.refreshes == 1
    log = (world.folder / "workers.log").read_text()
    secrets = [grant.refresh_token for grant in salesforce.sim.grants.tokens()]
    assert secrets
    assert not any(secret in log for secret in (*secrets, "hub-secret"))


async def test_a_revoked_grant_stops_calls_within_one_attempt(
    salesforce: Any, world: Any, working: Any, eventually: Any, people: Any
) -> None:
    await salesforce.connect()
    async with working(salesforce), working(salesforce):
        await world.write(people(range(1, 101)))
        await eventually(lambda: salesforce.in_sync(100))
        salesforce.calls()
        salesforce.sim.grants.revoke_all()
        await world.write({lead: {"city": "Bonn"} for lead in range(1, 101)})

        async def refused() -> bool:
            return bool((await salesforce.status())[0] == "needs_reauth")

        await eventually(refused)
        await world.write({lead: {"city": "Köln"} for lead in range(1, 101)})
        await asyncio.sleep(1.0)
        assert sum(salesforce.calls().values()) <= 2  # one of each copy, at most
        assert salesforce.sim.ledger.report()["oauth"].total() <= 1
        assert "invalid_grant" in (await salesforce.status())[1]
        rows = await world.targets(salesforce.connection)
        assert {(row["state"], row["attempts"]) for row in rows} == {("due", 0)}

        await salesforce.reconnect()
        await eventually(lambda: salesforce.pushed(3, 100))


async def test_an_oauth_server_that_is_away_is_waited_for(
    salesforce: Any, world: Any, working: Any, eventually: Any, people: Any
) -> None:
    await salesforce.connect()
    salesforce.sim.grants.expire("all")
    salesforce.faults({"match": {"path": "/oauth2/token"}, "kind": "status", "status": 503, "times": 4})
    async with working(salesforce):
        await world.write(people(range(1, 11)))
        await eventually(lambda: salesforce.in_sync(10))
    assert await salesforce.status() == ("connected", None)
    assert {row["attempts"] for row in await world.targets(salesforce.connection)} == {0}


async def test_a_refresh_that_a_process_died_in_is_done_by_another(
    salesforce: Any, world: Any, working: Any, eventually: Any, people: Any
) -> None:
    await salesforce.connect()
    await world.database.execute(
        "UPDATE control.connection SET refreshing = gen_random_uuid(), refreshing_until = now() + interval '2 seconds'"
    )
    salesforce.sim.grants.expire("all")
    async with working(salesforce):
        await world.write(people(range(1, 11)))
        await asyncio.sleep(0.5)
        assert salesforce.sim.grants.refreshes == 0  # it is another's turn
        await eventually(lambda: salesforce.in_sync(10))
    assert salesforce.sim.grants.refreshes == 1


async def test_hubspot_s_tokens_are_refreshed_ahead_of_their_end(
    hubspot: Any, world: Any, working: Any, eventually: Any, people: Any
) -> None:
    """No call is made with one that is about to expire."""
    hubspot.expires_in = 30.0
    await hubspot.connect()
    async with working(hubspot):
        await world.write(people(range(1, 11)))
        await eventually(lambda: hubspot.in_sync(10))
    assert hubspot.sim.grants.refreshes == 1
    assert "401" not in {str(status) for status in hubspot.sim.ledger.report()["statuses"]}


@pytest.mark.parametrize("damage", ["UPDATE control.connection SET credentials = 'x'::bytea, updated_at = now()"])
async def test_a_grant_that_cannot_be_read_is_named(
    salesforce: Any, world: Any, working: Any, eventually: Any, people: Any, damage: str
) -> None:
    await salesforce.connect()
    await world.database.execute(damage)
    async with working(salesforce):
        await world.write(people([1]))
        await eventually(lambda: world.database.fetchval("SELECT last_error IS NOT NULL FROM sync.target"))
    assert (await world.targets(salesforce.connection))[0]["last_error"]["code"] == "NO_GRANT"
    assert sum(salesforce.calls().values()) == 0

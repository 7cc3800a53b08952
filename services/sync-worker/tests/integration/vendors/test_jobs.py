"""Very much to do: the CRM's bulk way; and processes that are killed in the middle."""

import asyncio
import random
import signal
import time
from typing import Any


async def test_very_many_leads_are_a_job(
    salesforce: Any, world: Any, working: Any, eventually: Any, people: Any
) -> None:
    await salesforce.connect()
    await world.write(people(range(1, 10_001)), tell=False)
    salesforce.faults({"match": {"path": "/jobs/ingest/"}, "kind": "latency", "seconds": 0.3})
    async with working(salesforce):
        await world.announce(salesforce.connection)

        async def begun() -> bool:
            return any("ingest" in route for route in salesforce.sim.ledger.report()["api"])

        await eventually(begun)
        started = time.monotonic()
        await world.write(people([10_001]))  # a live edit meanwhile does not wait for ten thousand others
        await eventually(
            lambda: world.database.fetchval("SELECT state = 'in_sync' FROM sync.target WHERE lead_id = 10001")
        )
        waited = time.monotonic() - started
        assert not await salesforce.in_sync(10_001)
        assert waited < 3
        await eventually(lambda: salesforce.in_sync(10_001), within=60)
    calls = salesforce.calls()
    assert sum(calls.values()) <= 60, calls
    assert len(salesforce.leads()) == 10_001


async def test_a_job_that_fails_is_done_by_batches(
    salesforce: Any, world: Any, working: Any, eventually: Any, people: Any
) -> None:
    await salesforce.connect(bulk_threshold=500)
    await world.write(people(range(1, 1001)), tell=False)
    salesforce.faults({"kind": "bulk_job_failed", "times": 1})
    async with working(salesforce):
        await world.announce(salesforce.connection)
        await eventually(lambda: salesforce.in_sync(1000), within=30)
    assert len(salesforce.leads()) == 1000
    assert {row["attempts"] for row in await world.targets(salesforce.connection)} == {0}


async def test_an_org_that_takes_no_jobs_gets_batches(
    salesforce: Any, world: Any, working: Any, eventually: Any, people: Any
) -> None:
    """The refusal concerns the job: none of its thousand leads fails."""
    await salesforce.connect(bulk_threshold=500)
    refusal = [{"errorCode": "FEATURENOTENABLED", "message": "bulk api is not enabled"}]
    salesforce.faults({"match": {"path": "/jobs/ingest"}, "kind": "status", "status": 400, "body": refusal})
    await world.write(people(range(1, 1001)), tell=False)
    async with working(salesforce):
        await world.announce(salesforce.connection)
        await eventually(lambda: salesforce.in_sync(1000), within=60)
    assert {row["attempts"] for row in await world.targets(salesforce.connection)} == {0}


async def test_leases_are_renewed_while_a_call_lasts(
    salesforce: Any, world: Any, working: Any, eventually: Any, people: Any
) -> None:
    """A call that lasts longer than a lease: no other copy takes the leads and writes them too."""
    await salesforce.connect()
    async with working(salesforce) as _:
        await world.write(people([1]))
        await eventually(lambda: salesforce.in_sync(1))
    salesforce.faults({"match": {"path": "/composite/"}, "kind": "latency", "seconds": 5, "times": 1})
    salesforce.calls()
    short = {"sync_call_seconds": 0.5, "sync_lease_seconds": 1.5, "sync_batch_seconds": 20}
    async with working(salesforce, **short), working(salesforce, **short):
        await world.write(people(range(2, 101)))
        await eventually(lambda: salesforce.in_sync(100))
    written = [count for route, count in salesforce.calls().items() if "/composite/" in route]
    assert sum(written) == 1


async def test_killed_in_the_middle_of_batches_nothing_is_lost_or_doubled(
    vendor: Any, world: Any, processes: Any, eventually: Any, people: Any
) -> None:
    await vendor.connect(bulk_threshold=3000)
    await world.write(people(range(1, 4001)))
    vendor.faults({"kind": "latency", "seconds": 0.15}, {"kind": "lost_answer", "probability": 0.05})
    short = {"sync_lease_seconds": 2, "sync_call_seconds": 0.6, "oauth_apps": vendor.apps()}
    for number in range(3):
        vendor.calls()
        process = processes(**short)
        await eventually(lambda: sum(vendor.sim.ledger.report()["api"].values()) > 4, within=60)
        await asyncio.sleep(random.uniform(0.0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        await world.write({lead: {"city": f"City {number}"} for lead in range(1, 4001)})
    processes(**short)
    await eventually(lambda: vendor.in_sync(4000), within=120)
    leads = vendor.leads()
    assert len(leads) == 4000
    assert {lead["city"] for lead in leads.values()} == {"City 2"}

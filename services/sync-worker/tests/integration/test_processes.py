"""sync-worker as processes: killed, several at once, without its database."""

import asyncio
import random
import signal
from typing import Any

from hub.local.children import stop
from simulators.custom.faults import Faults

QUICK = {"retry_config": {"max_attempts": 3, "initial_delay": 50, "max_delay": 200, "backoff_multiplier": 2}}


async def test_killed_at_random_moments_it_creates_no_record_twice(
    world: Any, processes: Any, eventually: Any, people: Any
) -> None:
    connection = await world.connect(**QUICK)
    await world.write(people(range(1, 1501)))
    world.crm.crm.gate.faults = Faults(latency_ms=20)
    for _ in range(3):
        process = processes(sync_lease_seconds=2, sync_call_seconds=0.8)
        seen = len(world.crm.crm.store.creations())
        await eventually(lambda seen=seen: len(world.crm.crm.store.creations()) > seen + 50)
        await asyncio.sleep(random.uniform(0.05, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(world.crm.crm.store.creations()) < 1500
    processes(sync_lease_seconds=2, sync_call_seconds=0.8)
    await eventually(lambda: world.all_in(connection, "in_sync", 1500), within=40)
    assert len(world.crm.crm.store.everything()) == 1500
    assert set(world.crm.crm.store.creations().values()) == {1}


async def test_two_workers_share_the_work_and_push_nothing_twice(
    world: Any, processes: Any, eventually: Any, people: Any
) -> None:
    connection = await world.connect()
    world.crm.crm.gate.faults = Faults(latency_ms=10)
    both = [processes(sync_claim_size=20), processes(sync_claim_size=20)]
    await world.write(people(range(1, 801)))
    await eventually(lambda: world.all_in(connection, "in_sync", 800), within=40)
    assert world.requests("POST /leads") == 800
    assert world.requests("GET /leads", "PUT /leads/{id}") == 0
    for process in both:
        assert stop(process) == 0
    log = (world.folder / "workers.log").read_text()
    assert "canary-crm-key" not in log


async def test_stopped_in_the_middle_it_finishes_what_is_in_hand(
    world: Any, processes: Any, eventually: Any, people: Any
) -> None:
    await world.connect()
    world.crm.crm.gate.faults = Faults(latency_ms=100)
    process = processes()
    await world.write(people(range(1, 301)))
    await eventually(lambda: world.requests("POST /leads") > 30)
    assert await asyncio.to_thread(stop, process) == 0
    created = len(world.crm.crm.store.everything())
    assert 30 < created < 300
    rows = await world.database.fetch("SELECT state, count(*) AS n FROM sync.target GROUP BY state")
    assert {row["state"]: row["n"] for row in rows} == {"in_sync": created, "due": 300 - created}
    loose = "SELECT count(*) FROM sync.target WHERE claim IS NOT NULL OR intent IS NOT NULL"
    assert await world.database.fetchval(loose) == 0


async def test_the_database_s_absence_is_survived(
    world: Any, postgres: Any, worker: Any, eventually: Any, people: Any
) -> None:
    connection = await world.connect(**QUICK)
    world.crm.crm.gate.faults = Faults(latency_ms=50)
    async with worker(sync_lease_seconds=3, sync_call_seconds=1):
        await world.write(people(range(1, 401)))
        await eventually(lambda: world.requests("POST /leads") > 100)
        await asyncio.to_thread(postgres.kill)
        await asyncio.sleep(0.5)
        postgres.start()  # not in a thread: the server would end with the thread that started it
        await eventually(lambda: world.all_in(connection, "in_sync", 400), within=40)
    assert set(world.crm.crm.store.creations().values()) == {1}
    assert len(world.crm.crm.store.everything()) == 400

"""What goes wrong at the CRM, and what becomes of the leads."""

import asyncio
import time
from functools import partial
from typing import Any

from hub.contracts import events as e
from hub.testing.strange_crms import read_only_crm
from simulators.custom.app import running
from simulators.custom.faults import Faults

QUICK = {"retry_config": {"max_attempts": 3, "initial_delay": 50, "max_delay": 200, "backoff_multiplier": 2}}


async def test_a_rate_limit_is_waited_out_and_does_not_count(
    world: Any, worker: Any, eventually: Any, people: Any
) -> None:
    connection = await world.connect(**QUICK)
    world.crm.crm.gate.faults = Faults(rate_limit_next=5, retry_after=1)
    started = time.monotonic()
    async with worker(sync_concurrency=1):
        await world.write(people(range(1, 21)))
        await eventually(lambda: world.all_in(connection, "in_sync", 20))
    # One call heard of the limit; the others were held back, and four more after each second of patience.
    assert time.monotonic() - started >= 5
    assert world.requests("POST /leads") == 25
    assert {row["attempts"] for row in await world.targets(connection)} == {0}
    assert len(world.records()) == 20


async def test_a_limited_crm_is_not_hammered(world: Any, worker: Any, eventually: Any, people: Any) -> None:
    connection = await world.connect(**QUICK)
    world.crm.crm.gate.faults = Faults(rate=50, retry_after=0.5)
    async with worker():
        await world.write(people(range(1, 101)))
        await eventually(lambda: world.all_in(connection, "in_sync", 100))
    refused = world.requests("POST /leads") - 100
    assert refused < 100
    assert len(world.records()) == 100


async def test_a_refused_record_is_listed_and_the_others_go_through(
    world: Any, worker: Any, eventually: Any, people: Any
) -> None:
    connection = await world.connect(**QUICK)
    async with worker():
        await world.write(people(range(1, 10)) | {10: {"first_name": "Bad", "email": "not an address"}})
        for count, state in ((9, "in_sync"), (1, "failed")):
            query = "SELECT count(*) = $1 FROM sync.target WHERE state = $2"
            await eventually(partial(world.database.fetchval, query, count, state))
        bad = (await world.targets(connection))[-1]
        assert (bad["lead_id"], bad["attempts"], bad["intent"]) == (10, 1, None)
        assert bad["last_error"] == {
            "kind": "validation",
            "code": "INVALID_EMAIL",
            "message": "not an e-mail address",
            "field": "email",
            "status": 422,
            "attempted_value": "not an address",
        }
        await eventually(lambda: world.said())
        failures = [event for event in await world.said() if event.type == e.LEAD_SYNC_FAILED]
        (data,) = [e.LeadSyncFailed.model_validate(event.data) for event in failures]
        assert (data.code, data.attempts) == ("CRM_SYNC_FAILED", 1)
        assert data.details["crm_error"] == "INVALID_EMAIL"
        assert await world.database.fetchval("SELECT failed FROM sync.daily") == 1

        await world.write({10: {"email": "good@example.com"}})  # the lead's next version drives it again
        await eventually(lambda: world.all_in(connection, "in_sync", 10))
    assert (await world.targets(connection))[-1]["last_error"] is None


async def test_a_failing_record_gets_three_attempts(world: Any, worker: Any, eventually: Any) -> None:
    connection = await world.connect(**QUICK)

    async with read_only_crm(500) as (url, calls, _), worker():
        await world.move(connection, url)
        await world.write({1: {"first_name": "Ana"}})
        await eventually(lambda: world.all_in(connection, "failed", 1))
    (row,) = await world.targets(connection)
    assert (row["attempts"], calls["MPP-1"]) == (3, 3)
    assert row["last_error"]["code"] == "HTTP_500"
    assert row["intent"] is not None  # nobody knows what a 500 stored: the next try looks first


async def test_a_lost_answer_does_not_make_a_second_record(
    world: Any, worker: Any, eventually: Any, people: Any
) -> None:
    connection = await world.connect(**QUICK)
    world.crm.crm.gate.faults = Faults(reset_after_next=7)
    async with worker():
        await world.write(people(range(1, 31)))
        await eventually(lambda: world.all_in(connection, "in_sync", 30))
    assert set(world.crm.crm.store.creations().values()) == {1}
    assert len(world.crm.crm.store.everything()) == 30
    await eventually(lambda: world.said())
    actions = [event.data["action"] for event in await world.said() if event.type == e.LEAD_SYNCED]
    assert actions.count("link") == 7


async def test_requests_that_never_arrive_are_repeated(world: Any, worker: Any, eventually: Any, people: Any) -> None:
    connection = await world.connect(**QUICK)
    world.crm.crm.gate.faults = Faults(reset_before_next=5)
    async with worker():
        await world.write(people(range(1, 31)))
        await eventually(lambda: world.all_in(connection, "in_sync", 30))
    assert set(world.crm.crm.store.creations().values()) == {1}


async def test_server_errors_pass(world: Any, worker: Any, eventually: Any, people: Any) -> None:
    connection = await world.connect(**QUICK)
    world.crm.crm.gate.faults = Faults(error_next=6)
    async with worker():
        await world.write(people(range(1, 31)))
        await eventually(lambda: world.all_in(connection, "in_sync", 30))
    assert set(world.crm.crm.store.creations().values()) == {1}


async def test_a_slow_crm_does_not_hold_up_another(world: Any, worker: Any, eventually: Any) -> None:
    slow = await world.connect("slow")
    world.crm.crm.gate.faults = Faults(latency_ms=1500)
    async with running(world.folder / "fast.sqlite", "canary-crm-key-5c1d") as fast_crm:
        fast = await world.connect("fast", base_url=f"{fast_crm.url}/v2")
        async with worker():
            started = time.monotonic()
            await world.write({1: {"first_name": "Ana"}})
            await eventually(lambda: world.all_in(fast, "in_sync", 1))
            assert time.monotonic() - started < 1
            await eventually(lambda: world.all_in(slow, "in_sync", 1))


async def test_an_edit_during_a_push_is_pushed_after_it(world: Any, worker: Any, eventually: Any) -> None:
    connection = await world.connect()
    world.crm.crm.gate.faults = Faults(latency_ms=300)
    async with worker():
        await world.write({1: {"first_name": "A"}})
        await eventually(lambda: world.requests("POST /leads") == 1)
        await world.write({1: {"first_name": "B"}})
        await eventually(lambda: world.all_in(connection, "in_sync", 1))
        await eventually(lambda: world.records()["MPP-1"]["first_name"] == "B")
    assert world.requests("POST /leads", "PUT /leads/{id}") == 2


async def test_what_cannot_be_used_is_left_until_it_is_mended(world: Any, worker: Any, eventually: Any) -> None:
    connection = await world.connect()
    await world.database.execute('UPDATE control.connection SET config = config || \'{"base_url": "ftp://x"}\'')
    async with worker():
        await world.write({1: {"first_name": "Ana"}})
        await asyncio.sleep(0.5)
        assert (await world.targets(connection))[0]["state"] == "due"
        await world.move(connection, f"{world.crm.url}/v2")
        await eventually(lambda: world.all_in(connection, "in_sync", 1))


async def test_a_private_address_is_not_called(world: Any, worker: Any, eventually: Any) -> None:
    connection = await world.connect(**QUICK)
    async with worker(egress_allow=""):
        await world.write({1: {"first_name": "Ana"}})
        await eventually(lambda: world.database.fetchval("SELECT last_error IS NOT NULL FROM sync.target"))
    assert (await world.targets(connection))[0]["last_error"]["code"] == "ADDRESS_REFUSED"
    assert sum(world.crm.crm.requests.values()) == 0

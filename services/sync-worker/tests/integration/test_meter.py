"""Quota that several copies share, in a real database and real time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.metering import Priority, Reading, Window
from hub.store.pool import open_pool
from sync_worker.adapters.budgets import Budgets
from sync_worker.adapters.meter import SharedMeter
from sync_worker.adapters.targets import Place

LIVE, BACKFILL = Priority.LIVE, Priority.BACKFILL
DAY = 86_400.0
DAILY = Window("daily", 1000, DAY, "fixed", reserved=True)
Open = Callable[..., Any]


@pytest.fixture
async def meters(world: Any) -> AsyncIterator[Open]:
    """``meters(windows)``: another copy's meter of the same connection."""
    async with AsyncExitStack() as stack:

        async def copy(*windows: Window, reserve: float = 0.2) -> SharedMeter:
            pool = await open_pool(world.database_url, "hub_sync_worker")
            stack.push_async_callback(pool.close)
            meter = SharedMeter(Budgets(pool, Place(world.account_id, 1)), windows, reserve)
            stack.push_async_callback(meter.close)
            return meter

        yield copy


async def calls_for(meter: SharedMeter, seconds: float, priority: Priority = LIVE) -> list[float]:
    """Calls one after the other, as fast as the meter lets them."""
    made: list[float] = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        await meter.at(priority).take()
        made.append(time.monotonic())
    return made


def most_within(moments: list[float], seconds: float) -> int:
    moments = sorted(moments)
    return max(sum(1 for each in moments if start <= each <= start + seconds) for start in moments)


async def commits(world: Any) -> int:
    found: int = await world.database.fetchval(
        "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
    )
    return found


async def test_copies_keep_to_one_limit_and_use_it(meters: Open, world: Any) -> None:
    window = Window("burst", 60, 1.0)
    copies = [await meters(window), await meters(window), await meters(window)]
    made = await asyncio.gather(*(calls_for(copy, 4.0) for copy in copies for _ in range(4)))
    moments = [moment for each in made for moment in each]
    assert most_within(moments, 1.0) <= 60
    assert len(moments) >= 0.9 * 4 * 60
    assert all(len(each) > 0 for each in made)


async def test_calls_that_somebody_else_made_count_in_every_copy(meters: Open, world: Any) -> None:
    window = Window("burst", 20, 1.0)
    one, other = await meters(window), await meters(window, DAILY)
    await one.at(LIVE).take()
    made = [time.monotonic()] * 11
    await other.spent({"burst": 10, "daily": 10, "unknown": 10})
    for found in await asyncio.gather(*(calls_for(copy, 2.0) for copy in (one, other))):
        made += found
    assert most_within(made, 1.0) <= 20
    assert len(made) >= 0.9 * 2 * 20
    assert await world.database.fetchval("SELECT used FROM sync.budget WHERE name = 'daily'") > 10


async def test_calls_that_a_vendor_gets_late_do_not_meet_the_next(meters: Open) -> None:
    """It stands still for a moment: what was under way arrives all at once, and counts from then on."""
    window = Window("burst", 60, 1.0)
    meter = await meters(window)
    started, arrived = time.monotonic(), list[float]()

    async def calls() -> None:
        while time.monotonic() < started + 3.5:
            await meter.at(LIVE).take()
            for halt in (started + 0.6, started + 2.0):
                if halt <= time.monotonic() < halt + 0.3:
                    await asyncio.sleep(halt + 0.3 - time.monotonic())
            arrived.append(time.monotonic())
            meter.learn([Reading("burst", limit=60)])

    await asyncio.gather(*(calls() for _ in range(16)))
    assert most_within(arrived, 1.0) <= 60
    assert len(arrived) >= 0.8 * 3.5 * 60


async def test_answers_that_tell_nothing_of_quota_slow_nobody(meters: Open) -> None:
    """HubSpot's searches, a CRM's failures: what became of the other calls is known all the same."""
    meter = await meters(Window("burst", 40, 1.0))
    ends, made = time.monotonic() + 5.0, 0

    async def calls(teller: bool) -> None:
        nonlocal made
        while time.monotonic() < ends:
            await meter.at(LIVE).take()
            made += 1
            if teller:
                meter.learn([Reading("burst", limit=40)])

    await asyncio.gather(*(calls(number % 2 == 0) for number in range(4)))
    assert made >= 0.85 * 5 * 40


async def test_permits_come_in_blocks(meters: Open, world: Any) -> None:
    meter = await meters(Window("burst", 2000, 10.0))
    before = await commits(world)
    made = await asyncio.gather(*(calls_for(meter, 3.0) for _ in range(8)))
    calls = sum(len(each) for each in made)
    await asyncio.sleep(1.2)  # the statistics lag behind
    assert calls > 0.85 * 600
    assert await commits(world) - before < calls / 5


async def test_permits_of_calls_that_cost_several_units_come_in_blocks_too(meters: Open, world: Any) -> None:
    meter = await meters(Window("tokens", 1_000_000, DAY, "fixed", always=False))
    before = await commits(world)

    async def calls() -> None:
        for _ in range(100):
            await meter.at(LIVE).take(5, "tokens")

    await asyncio.gather(*(calls() for _ in range(8)))
    await asyncio.sleep(1.2)  # the statistics lag behind
    assert await commits(world) - before < 800 / 5
    await meter.close()
    assert await world.database.fetchval("SELECT used FROM sync.budget") == 4000


async def test_a_live_call_goes_before_a_backfill(meters: Open) -> None:
    window = Window("burst", 20, 1.0)
    one, other = await meters(window), await meters(window)
    backfill = asyncio.gather(*(calls_for(one, 3.0, BACKFILL) for _ in range(4)))
    await asyncio.sleep(0.5)
    waits = []
    for _ in range(10):
        started = time.monotonic()
        await other.at(LIVE).take()
        waits.append(time.monotonic() - started)
        await asyncio.sleep(0.1)
    assert sorted(waits)[5] < 0.2
    assert sum(len(each) for each in await backfill) > 20


async def test_a_day_that_is_spent_is_refused_with_its_end(meters: Open) -> None:
    one, other = await meters(DAILY), await meters(DAILY)
    for _ in range(8):
        await one.at(LIVE).take(100)
    for meter in (one, other):
        with pytest.raises(CrmFailure) as refused:
            await meter.at(LIVE).take()
        assert refused.value.kind is FailureKind.RATE_LIMIT
        assert refused.value.error.code == "QUOTA_SPENT"
        assert 0 < (refused.value.retry_after or 0) <= DAY


async def test_what_one_copy_learns_counts_for_all(meters: Open, eventually: Any, world: Any) -> None:
    one, other = await meters(DAILY), await meters(DAILY)
    await one.at(LIVE).take()
    await other.at(LIVE).take()
    one.learn([Reading("daily", limit=2000, remaining=399), Reading("unknown", remaining=0)])
    await eventually(lambda: world.database.fetchval("SELECT used > 1600 AND most = 2000 FROM sync.budget"))
    with pytest.raises(CrmFailure, match="QUOTA_SPENT"):
        await other.at(LIVE).take()


async def test_a_refusal_closes_the_window_for_all(meters: Open, eventually: Any, world: Any) -> None:
    burst = Window("burst", 1000, 10.0)
    one, other = await meters(burst), await meters(burst)
    await one.at(LIVE).take()
    await other.at(LIVE).take()
    one.exhausted("burst", 2.0)
    await eventually(lambda: world.database.fetchval("SELECT closed_until > now() FROM sync.budget"))
    started = time.monotonic()
    await asyncio.gather(one.at(LIVE).take(), other.at(LIVE).take())
    assert 1.0 < time.monotonic() - started < 3.0
    one.exhausted("burst", 600.0)
    await eventually(lambda: world.database.fetchval("SELECT closed_until > now() + interval '1 min' FROM sync.budget"))
    with pytest.raises(CrmFailure, match="QUOTA_SPENT"):
        await other.at(BACKFILL).take()


async def test_permits_that_are_not_used_are_given_back(meters: Open, world: Any) -> None:
    meter = await meters(DAILY)
    for _ in range(150):
        await meter.at(LIVE).take()
    assert await world.database.fetchval("SELECT used FROM sync.budget") > 150
    await meter.close()
    assert await world.database.fetchval("SELECT used FROM sync.budget") == 150


async def test_a_window_of_its_own_is_drawn_on_by_name_only(meters: Open, world: Any) -> None:
    meter = await meters(DAILY, Window("search", 5, 1.0, always=False))
    await meter.at(LIVE).take()
    await meter.at(LIVE).take(1, "search", "no such window")
    used = dict(await world.database.fetch("SELECT name, used FROM sync.budget"))
    assert used["daily"] >= 2
    assert used["search"] == 1


async def test_a_changed_configuration_changes_the_limit_unless_the_vendor_told_another(
    meters: Open, world: Any
) -> None:
    for limit in (1000, 3000):
        meter = await meters(Window("daily", limit, DAY, "fixed"))
        await meter.at(LIVE).take()
        assert await world.database.fetchval("SELECT most FROM sync.budget") == limit
    meter.learn([Reading("daily", limit=500)])
    await meter.close()
    await (await meters(Window("daily", 4000, DAY, "fixed"))).at(LIVE).take()
    assert await world.database.fetchval("SELECT most FROM sync.budget") == 500

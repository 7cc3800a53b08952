"""The audit service as processes of its own, killed while it works: every event is audited exactly once."""

import asyncio
import os
import sys
from collections.abc import Iterator
from subprocess import Popen

import asyncpg
import pytest

from hub.bus import open_bus
from hub.contracts import events as e
from hub.contracts.cloudevents import Event
from hub.contracts.topology import AUDIT
from hub.local.children import spawn, stop

EVENTS = 5000


def created(lead: int) -> Event:
    data = {"lead": {"id": lead, "version": 1}, "actor": {"user": "key a"}, "fields_changed": ["email"]}
    return Event(type=e.LEAD_CREATED, account_id=1, subject=f"lead/{lead}", source="transformer", data=data)


@pytest.fixture
def processes() -> Iterator[list[Popen[bytes]]]:
    running: list[Popen[bytes]] = []
    yield running
    for process in running:
        stop(process)


def start(database_url: str) -> Popen[bytes]:
    environment = {"PATH": os.environ["PATH"], "HUB_DATABASE_URL": database_url}
    return spawn([sys.executable, "-m", "audit"], environment=environment, log=sys.stdout.fileno())


async def recorded(connection: asyncpg.Connection, least: int) -> None:
    async with asyncio.timeout(30):
        while await connection.fetchval("SELECT count(*) FROM audit.entry") < least:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_killed_again_and_again_each_event_is_audited_exactly_once(
    database_url: str, processes: list[Popen[bytes]]
) -> None:
    bus = open_bus(database_url, name="test")
    await bus.connect()
    connection = await asyncpg.connect(database_url)
    try:
        events = [created(lead) for lead in range(EVENTS)]
        for part in range(4):
            await bus.publish_many(events[part * EVENTS // 4 : (part + 1) * EVENTS // 4])
            processes.append(start(database_url))
            await recorded(connection, part * EVENTS // 4 + 1)
            processes[-1].kill()
        processes += [start(database_url), start(database_url)]
        await bus.publish_many(events[:100])
        await recorded(connection, EVENTS)
        async with asyncio.timeout(30):
            while await bus.depth(AUDIT.name):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        rows = await connection.fetch("SELECT event_id::text AS id FROM audit.entry")
        assert sorted(row["id"] for row in rows) == sorted(event.id for event in events)
        assert await connection.fetchval("SELECT sum(entries)::bigint FROM audit.daily") == EVENTS
    finally:
        await connection.close()
        await bus.close()

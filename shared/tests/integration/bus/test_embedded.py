"""What only the embedded transport has to prove: it leaves nothing behind, and least privilege is enough for it."""

import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest

from hub.bus.protocol import ConsumerOptions
from hub.contracts.errors import dead
from hub.local.postgres import LocalPostgres
from hub.testing.buses import Lab, Recorder, eventually, make_events

_ROLES = ("hub_gateway", "hub_transformer", "hub_sync_worker", "hub_webhook_dispatcher", "hub_audit")


class _Database:
    """A database as a lab's broker, under the login of a service."""

    def __init__(self, url: str) -> None:
        self.url = url

    def start(self, timeout: float = 60.0) -> None:
        """It runs."""

    def kill(self) -> None:
        """It is shared."""

    def stop(self) -> None:
        """It is shared."""


async def test_what_was_consumed_leaves_no_rows(database_url: str) -> None:
    lab = Lab(_Database(database_url))
    queue = lab.queue()
    other = lab.queue(*queue.binds)
    bus, recorders = await lab.open(queue, other), (Recorder(), Recorder())
    for each, recorder in zip((queue, other), recorders, strict=True):
        await bus.consume(each, recorder, ConsumerOptions())
    await bus.publish_many(make_events(queue, 2_000))
    for event in make_events(queue, 100):
        await bus.publish(event)
    for recorder in recorders:
        await recorder.finishes(2_100)
    await lab.close()
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM bus.message") == 0
        assert await connection.fetchval("SELECT count(*) FROM bus.consumer") == 0
        # Two queues that acknowledge the same body at once both leave it to the sweep.
        assert await connection.fetchval("SELECT count(*) FROM bus.body") <= 20
    finally:
        await connection.close()


@pytest.mark.parametrize("role", _ROLES)
async def test_a_service_s_own_login_may_publish_and_consume(
    database_url: str, postgres: LocalPostgres, role: str
) -> None:
    login = f"login_{role}"
    admin = await asyncpg.connect(database_url)
    try:
        await admin.execute(f"CREATE ROLE {login} LOGIN IN ROLE {role}")
        parts = urlsplit(database_url)
        lab = Lab(_Database(f"postgresql://{login}@127.0.0.1:{parts.port}{parts.path}"))
        queue, verdicts = lab.queue(), {0: dead("no")}
        recorder = Recorder(lambda event: verdicts.get(event.data["n"]))
        bus = await lab.open(queue)
        await bus.consume(queue, recorder, ConsumerOptions())
        await bus.publish_many(make_events(queue, 3))
        await recorder.finishes(2)
        await eventually(lambda: bus.depth(queue.dead))
        verdicts.clear()
        assert await bus.redrive(queue) == 1
        await recorder.finishes(3)
        await lab.close()
    finally:
        await admin.execute(f"DROP ROLE {login}")
        await admin.close()


async def test_a_consumer_hears_of_an_event_at_once(database_url: str) -> None:
    lab = Lab(_Database(database_url))
    queue, recorder = lab.queue(), Recorder()
    bus, service = await lab.open(queue), await lab.open(queue)
    await service.consume(queue, recorder, ConsumerOptions())
    loop, delays = asyncio.get_running_loop(), []
    for number, event in enumerate(make_events(queue, 10)):
        await asyncio.sleep(0.1)
        started = loop.time()
        await bus.publish(event)
        await recorder.finishes(number + 1)
        delays.append(loop.time() - started)
    await lab.close()
    assert sorted(delays)[5] < 0.25  # far below the second after which consumers look for themselves

"""Dispatchers as processes of their own: killed in the middle, stopped in order, many at once."""

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from subprocess import Popen

import pytest
from aiohttp import web

from hub.local.children import spawn, stop
from hub.testing.receiver import Received, Receiver
from webhook_dispatcher.testing import World, until

Start = Callable[[], Popen[bytes]]


@pytest.fixture
async def start(world: World) -> AsyncIterator[Start]:
    """Start ``python -m webhook_dispatcher``; whatever still runs is stopped after the test."""
    processes: list[Popen[bytes]] = []
    environment = {
        "PATH": os.environ["PATH"],
        "HUB_DATABASE_URL": world.database_url,
        "HUB_KEYRING": world.keyring.dumps(),
        "HUB_EGRESS_ALLOW": "127.0.0.0/8",
        "HUB_WEBHOOK_TIMEOUT": "0.8",
        "HUB_WEBHOOK_LEASE": "2",
        "HUB_WEBHOOK_POLL": "0.1",
        "HUB_WEBHOOK_SCHEDULE": "[0.2, 0.2, 0.2]",
    }

    def begin() -> Popen[bytes]:
        process = spawn([sys.executable, "-m", "webhook_dispatcher"], environment=environment, log=sys.stdout.fileno())
        processes.append(process)
        return process

    yield begin
    for process in processes:
        stop(process)


async def test_killed_between_post_and_result_another_process_delivers_again(
    world: World, receiver: Receiver, start: Start
) -> None:
    await world.subscribe(f"{receiver.base}/hook")
    first = start()

    async def kill_the_sender(_received: Received) -> web.StreamResponse:
        del receiver.answers["/hook"]
        first.kill()
        first.wait()
        return web.Response()

    receiver.answers["/hook"] = kill_the_sender
    await world.bus.publish(world.created(1))
    await until(lambda: _returned(first))
    start()
    (row,) = await world.settled(1)
    assert (row["state"], row["attempts"]) == ("delivered", 1)
    assert len(receiver.requests) == 2
    assert receiver.requests[0].body == receiver.requests[1].body


async def test_a_graceful_stop_writes_down_what_was_under_way_and_gives_back_the_rest(
    world: World, receiver: Receiver, start: Start
) -> None:
    await world.subscribe(f"{receiver.base}/hook")
    process = start()

    async def stop_the_sender(_received: Received) -> web.StreamResponse:
        process.send_signal(signal.SIGTERM)
        return web.Response()

    receiver.answers["/hook"] = stop_the_sender
    await world.bus.publish_many([world.created(lead) for lead in range(100)])
    await until(lambda: _returned(process))
    assert process.returncode == 0
    rows = await world.deliveries()
    assert all(row["claim"] is None for row in rows)
    delivered = sum(row["state"] == "delivered" for row in rows)
    assert delivered == len(receiver.requests) < 100
    del receiver.answers["/hook"]
    start()
    await world.settled(100)
    assert len(receiver.requests) == 100


async def test_copies_share_the_work_and_deliver_each_once(world: World, receiver: Receiver, start: Start) -> None:
    for path in ("/a", "/b", "/c"):
        await world.subscribe(f"{receiver.base}{path}")
    start()
    start()
    await world.bus.publish_many([world.created(lead) for lead in range(300)])
    rows = await world.settled(900)
    assert {row["attempts"] for row in rows} == {1}
    assert len(receiver.requests) == 900


async def _returned(process: Popen[bytes]) -> bool:
    return process.poll() is not None

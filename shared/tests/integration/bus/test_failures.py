"""Nothing that was confirmed is lost, whoever is killed."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from hub.bus.protocol import Bus, ConsumerOptions
from hub.bus.rabbitmq.topology import NEW_QUEUE_SECONDS
from hub.contracts.cloudevents import Event
from hub.contracts.errors import Unavailable
from hub.contracts.topology import Queue
from hub.testing.buses import Broker, Lab, Recorder, depth_becomes, eventually, make_events

Start = Callable[[Lab, Queue, str], subprocess.Popen[bytes]]


@pytest.fixture
async def lab(broker: Broker) -> AsyncIterator[Lab]:
    """A broker that is killed: new queues are given the time they need to survive it."""
    lab = Lab(broker, NEW_QUEUE_SECONDS)
    yield lab
    await lab.close()


@pytest.fixture
async def start_victim(tmp_path: Path) -> AsyncIterator[Start]:
    """Start ``victim.py`` on a queue; it writes to ``tmp_path / "handed"``."""
    started: list[subprocess.Popen[bytes]] = []

    def start(lab: Lab, queue: Queue, poison: str = "") -> subprocess.Popen[bytes]:
        arguments = [lab.broker.url, queue.name, queue.binds[0], str(queue.delivery_limit), str(tmp_path / "handed")]
        script = Path(__file__).parent / "victim.py"
        process = subprocess.Popen([sys.executable, str(script), *arguments, *([poison] if poison else [])])
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


async def restart(lab: Lab, down: float = 0.0) -> None:
    """``kill -9`` the broker and start it again on the same data."""
    await asyncio.to_thread(lab.broker.kill)
    await asyncio.sleep(down)
    await asyncio.to_thread(lab.broker.start)


async def publish_stubbornly(bus: Bus, event: Event) -> None:
    """As a caller of the hub does: told that it was not taken, it comes again."""
    while True:
        try:
            return await bus.publish(event)
        except Unavailable:
            await asyncio.sleep(0.05)


async def test_confirmed_events_survive_a_killed_broker(lab: Lab) -> None:
    queue, recorder = lab.queue(), Recorder()
    bus = await lab.open(queue)
    events = make_events(queue, 700)
    await bus.publish_many(events[:600])
    await asyncio.gather(*(bus.publish(event) for event in events[600:]))
    await restart(lab)
    await bus.consume(queue, recorder, ConsumerOptions())
    await recorder.finishes(700)
    assert sorted(recorder.done) == sorted(event.id for event in events)


async def test_a_broker_that_is_away_is_said_to_be_and_found_again(lab: Lab) -> None:
    queue = lab.queue()
    bus = await lab.open(queue)
    assert await bus.healthy()
    await asyncio.to_thread(lab.broker.kill)
    await asyncio.sleep(0.2)
    started = time.monotonic()
    with pytest.raises(Unavailable):
        await bus.publish(make_events(queue, 1)[0])
    assert not await bus.healthy()
    assert time.monotonic() - started < 5
    late = asyncio.create_task(lab.open(queue))
    await asyncio.sleep(0.5)
    assert not late.done()
    await asyncio.to_thread(lab.broker.start)
    await publish_stubbornly(bus, make_events(queue, 1)[0])
    assert await bus.healthy()
    await publish_stubbornly(await late, make_events(queue, 1)[0])
    await depth_becomes(bus, queue.name, 2)


async def test_restarts_while_publishing_and_consuming_lose_nothing(lab: Lab) -> None:
    queue, recorder = lab.queue(delivery_limit=10), Recorder(pause=0.002)
    bus = await lab.open(queue)
    service = await lab.open(queue)
    await service.consume(queue, recorder, ConsumerOptions(max_events=20, prefetch_messages=8, concurrency=2))
    events = make_events(queue, 3000)

    async def caller(mine: list[Event]) -> None:
        for event in mine:
            await publish_stubbornly(bus, event)
            await asyncio.sleep(0.004)

    callers = asyncio.gather(*(caller(events[start::20]) for start in range(20)))
    for _ in range(2):
        await asyncio.sleep(0.2)
        await restart(lab, down=0.3)
    await callers
    await eventually(lambda: {event.id for event in events} == set(recorder.done), within=60)
    assert await bus.dead_letters(queue) == []
    await depth_becomes(bus, queue.name, 0)


async def test_a_killed_consumer_s_messages_come_again(lab: Lab, start_victim: Start, tmp_path: Path) -> None:
    queue, recorder = lab.queue(), Recorder()
    bus = await lab.open(queue)
    victim = start_victim(lab, queue, "")
    await bus.publish(make_events(queue, 1)[0])
    await eventually((tmp_path / "handed").exists)
    for event in make_events(queue, 10):
        await bus.publish(event)
    await depth_becomes(bus, queue.name, 0)  # it holds all of them
    await bus.consume(queue, recorder, ConsumerOptions())
    await asyncio.sleep(1.5)
    assert recorder.batches == []
    killed = time.monotonic()
    victim.kill()
    await recorder.finishes(10)
    assert time.monotonic() - killed < 5
    assert await bus.dead_letters(queue) == []


async def test_an_event_that_kills_its_consumer_costs_only_itself(
    lab: Lab, start_victim: Start, tmp_path: Path
) -> None:
    queue = lab.queue(delivery_limit=1)
    bus = await lab.open(queue)
    await bus.publish_many(make_events(queue, 7))
    deaths = 0
    while not await bus.dead_letters(queue):
        victim = start_victim(lab, queue, "5")

        async def over(victim: subprocess.Popen[bytes] = victim) -> bool:
            return victim.poll() is not None or bool(await bus.dead_letters(queue))

        await eventually(over)
        deaths += victim.poll() is not None
        assert deaths <= 10
    (letter,) = await bus.dead_letters(queue)
    assert b'"n":5' in letter.body
    lines = (tmp_path / "handed").read_text().split("\n")
    done = {number for line in lines if "5" not in line.split() for number in line.split()}
    await eventually(lambda: done | {"5"} >= set("0123456"))
    await depth_becomes(bus, queue.name, 0)


async def test_a_batch_in_hand_when_the_broker_dies_is_settled_or_comes_again(lab: Lab) -> None:
    queue, recorder = lab.queue(), Recorder(pause=0.5)
    bus = await lab.open(queue)
    subscription = await bus.consume(queue, recorder, ConsumerOptions())
    await bus.publish(make_events(queue, 1)[0])
    await eventually(lambda: recorder.batches)
    await restart(lab)
    await eventually(lambda: recorder.done)
    await depth_becomes(bus, queue.name, 0)
    await eventually(lambda: subscription.in_hand == 0)
    await subscription.stop()
    assert await bus.depth(queue.name) == 0
    assert await bus.dead_letters(queue) == []

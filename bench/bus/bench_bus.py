"""Events a second over RabbitMQ, one process, a quorum queue, confirms and acknowledgements: the hub and FastStream.

``python -m bench.bus.bench_bus [EVENTS]``. Both publish the same events to a queue of the same kind on the same node,
as fast as each can with its usual means: the hub batches of CloudEvents, FastStream one message an event, with as many
publishes on their way at once as serve it best. Then both consume what they published.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import uvloop
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue

from hub.bus import open_bus
from hub.bus.protocol import ConsumerOptions
from hub.contracts.cloudevents import Event
from hub.contracts.errors import Outcome
from hub.contracts.topology import Queue
from hub.local.rabbitmq import LocalRabbitMQ

_ROUNDS = 3
_PEER_SHARE = 20  # FastStream gets a twentieth of the events: rates are compared, and it takes as long
_PEER_IN_FLIGHT = 100
_CALL_EVENTS = 5_000  # events a call of publish_many
_LEAD = {
    "lead": {
        "first_name": "Jane",
        "last_name": "Smith",
        "email": "jane.smith@example.com",
        "phone": "+12105550123",
        "status": "qualified",
        "agent_id": "agent123",
        "custom_fields": {"lead_source": "Website", "interest_level": "High"},
    },
    "origin": {"kind": "import", "source": "salesforce"},
    "fields_changed": ["first_name", "last_name", "email", "phone", "status"],
    "actor": {"user": "key/demo", "ip_address": "192.0.2.1"},
}


@dataclass(frozen=True)
class Figures:
    """Events a second: the hub's, and FastStream's."""

    published: float
    consumed: float
    peer_published: float
    peer_consumed: float


def measure(events: int) -> Figures:
    """Run both in turn, three rounds, and take medians. ``events`` a round for the hub."""
    with _node() as node:
        rounds = [
            (*uvloop.run(_hub(node.url, events, number)), *uvloop.run(_peer(node.url, events // _PEER_SHARE, number)))
            for number in range(_ROUNDS)
        ]
    return Figures(*(median(column) for column in zip(*rounds, strict=True)))


@contextmanager
def _node() -> Iterator[LocalRabbitMQ]:
    with tempfile.TemporaryDirectory(prefix="crmhub-bench-") as folder:
        node = LocalRabbitMQ(Path(folder) / "rabbitmq")
        node.start()
        try:
            yield node
        finally:
            node.stop()


async def _timed(count: int, work: Callable[[], Awaitable[Any]]) -> float:
    started = perf_counter()
    await work()
    return count / (perf_counter() - started)


async def _hub(url: str, count: int, number: int) -> tuple[float, float]:
    queue = Queue(f"bench.{number}", (f"bench.happened.{number}.v1",))
    bus = open_bus(url, name="bench", queues=(queue,))
    await bus.connect()
    events = [Event(queue.binds[0], 1, f"lead/{index}", {"n": index, **_LEAD}, "bench") for index in range(count)]
    seen, all_seen = 0, asyncio.Event()

    async def publish() -> None:
        for start in range(0, count, _CALL_EVENTS):
            await bus.publish_many(events[start : start + _CALL_EVENTS])

    async def handle(batch: Sequence[Event]) -> Mapping[str, Outcome]:
        nonlocal seen
        seen += len(batch)
        if seen >= count:
            all_seen.set()
        return {}

    async def consume() -> None:
        await bus.consume(queue, handle, ConsumerOptions())
        await all_seen.wait()

    published = await _timed(count, publish)
    consumed = await _timed(count, consume)
    await bus.close()
    return published, consumed


async def _peer(url: str, count: int, number: int) -> tuple[float, float]:
    broker = RabbitBroker(url, default_channel=Channel(prefetch_count=1_000), logger=None)
    queue = RabbitQueue(f"bench.peer.{number}", queue_type=QueueType.QUORUM, durable=True)
    seen, all_seen = 0, asyncio.Event()

    @broker.subscriber(queue)
    async def handle(message: dict[str, Any]) -> None:
        nonlocal seen
        seen += 1
        if seen >= count:
            all_seen.set()

    await broker.connect()
    await broker.declare_queue(queue)
    events = [
        Event("bench.happened.v1", 1, f"lead/{index}", {"n": index, **_LEAD}, "bench").envelope()
        for index in range(count)
    ]

    async def caller(mine: list[dict[str, Any]]) -> None:
        for event in mine:
            await broker.publish(event, queue=queue, persist=True)

    async def publish() -> None:
        await asyncio.gather(*(caller(events[start::_PEER_IN_FLIGHT]) for start in range(_PEER_IN_FLIGHT)))

    async def consume() -> None:
        await broker.start()
        await all_seen.wait()

    published = await _timed(count, publish)
    consumed = await _timed(count, consume)
    await broker.stop()
    return published, consumed


def main() -> None:
    """Print the four figures and the two ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", nargs="?", type=int, default=100_000)
    figures = measure(parser.parse_args().events)
    for name, ours, peer in (
        ("published", figures.published, figures.peer_published),
        ("consumed", figures.consumed, figures.peer_consumed),
    ):
        print(f"{name}: hub {ours:,.0f} events/s, FastStream {peer:,.0f} events/s, ratio {ours / peer:.1f}")


if __name__ == "__main__":
    main()

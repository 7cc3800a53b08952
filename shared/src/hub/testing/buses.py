"""What the bus's behaviour suite is written in: a broker of its own to ill-treat, and handlers that remember."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from hub.bus import open_bus
from hub.bus.brake import BrakeSettings
from hub.bus.protocol import Bus
from hub.bus.publisher import PublishLimits
from hub.contracts.cloudevents import Event
from hub.contracts.errors import Outcome
from hub.contracts.ids import new_id
from hub.contracts.topology import Queue


class Broker(Protocol):
    """A private server that carries the bus: ``LocalRabbitMQ`` or ``LocalPostgres``."""

    @property
    def url(self) -> str:
        """The bus URL."""

    def start(self, timeout: float = 60.0) -> None:
        """Start on the data that is there."""

    def kill(self) -> None:
        """``kill -9``."""

    def stop(self) -> None:
        """Orderly."""


class Recorder:
    """A handler that remembers what it was given; ``decide`` says the outcome of an event (None: done) or raises."""

    def __init__(self, decide: Callable[[Event], Outcome | None] = lambda _: None, pause: float = 0.0) -> None:
        self.decide, self.pause = decide, pause
        self.batches: list[list[Event]] = []
        self.done: list[str] = []

    async def __call__(self, events: Sequence[Event]) -> dict[str, Outcome]:
        """Remember, decide, and count as done what was."""
        self.batches.append(list(events))
        if self.pause:
            await asyncio.sleep(self.pause)
        decided = {event.id: self.decide(event) for event in events}
        self.done += [event_id for event_id, outcome in decided.items() if outcome is None]
        return {event_id: outcome for event_id, outcome in decided.items() if outcome is not None}

    async def finishes(self, count: int, within: float = 20.0) -> None:
        """Wait until so many events are done."""
        await eventually(lambda: len(self.done) >= count, within)

    def times_seen(self, event: Event) -> int:
        """How often an event was handed over."""
        return sum(seen.id == event.id for batch in self.batches for seen in batch)


class Lab:
    """A broker, and buses on it that are closed after the test. Queues and types are the test's own.

    ``new_queue_seconds`` as in ``open_bus``; 0 saves the wait where the broker is not killed.
    """

    def __init__(self, broker: Broker, new_queue_seconds: float = 0.0) -> None:
        self.broker, self._new_queue_seconds = broker, new_queue_seconds
        self._buses: list[Bus] = []

    def queue(self, *event_types: str, delivery_limit: int = 3) -> Queue:
        """A queue nobody else uses, bound to these types or to one of its own."""
        name = f"test.{new_id()}"
        return Queue(name, event_types or (f"{name}.happened.v1",), delivery_limit)

    async def open(
        self, *queues: Queue, limits: PublishLimits | None = None, brake: BrakeSettings | None = None
    ) -> Bus:
        """A connected bus that declares these queues."""
        bus = open_bus(
            self.broker.url,
            name="test",
            queues=queues,
            limits=limits,
            brake=brake,
            new_queue_seconds=self._new_queue_seconds,
        )
        self._buses.append(bus)
        await bus.connect()
        return bus

    async def close(self) -> None:
        """Close every bus."""
        await asyncio.gather(*(bus.close() for bus in self._buses))


async def depth_becomes(bus: Bus, queue: str, messages: int) -> None:
    """Wait until so many messages wait in a queue (a broker's count may lag behind what it confirmed)."""

    async def so_many() -> bool:
        return await bus.depth(queue) == messages

    await eventually(so_many)


def make_events(queue: Queue, count: int, **data: Any) -> list[Event]:
    """Events of the queue's first type; ``data["n"]`` numbers them from 0."""
    return [Event(queue.binds[0], 1, f"lead/{n}", {"n": n, **data}, "test") for n in range(count)]


async def eventually(condition: Callable[[], Any], within: float = 20.0) -> None:
    """Wait until it holds (sync or async); AssertionError if it does not in time."""
    deadline = time.monotonic() + within
    while True:
        answer = condition()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)

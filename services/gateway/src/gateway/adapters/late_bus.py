"""A bus that may still be connecting: the gateway answers from its first moment, with 503 where it must."""

from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

from hub.bus.protocol import Bus
from hub.contracts.cloudevents import Event
from hub.contracts.errors import Unavailable

Done = Coroutine[Any, Any, None]


class _Publish(Protocol):
    def __call__(self, event: Event) -> Done: ...


class _PublishMany(Protocol):
    def __call__(self, events: Sequence[Event]) -> Done: ...


class _PublishBatch(Protocol):
    def __call__(self, routing_key: str, body: bytes) -> Done: ...


class LateBus:
    """The Publisher protocol. Until queues are declared nothing may be published: nobody would keep it."""

    publish: _Publish
    publish_many: _PublishMany
    publish_batch: _PublishBatch

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._connected = False
        self.publish = _not_yet
        self.publish_many = _many_not_yet
        self.publish_batch = _batch_not_yet

    async def connect(self) -> None:
        """Connect; from then on the bus itself is called, without a detour."""
        await self._bus.connect()
        self.publish, self.publish_many = self._bus.publish, self._bus.publish_many
        self.publish_batch = self._bus.publish_batch
        self._connected = True

    async def healthy(self) -> bool:
        """Whether an event published now would be confirmed."""
        return self._connected and await self._bus.healthy()


async def _not_yet(event: Event) -> None:
    raise _refusal()


async def _many_not_yet(events: Sequence[Event]) -> None:
    raise _refusal()


async def _batch_not_yet(routing_key: str, body: bytes) -> None:
    raise _refusal()


def _refusal() -> Unavailable:
    return Unavailable("The bus is not connected yet; try again", retry_after=2)

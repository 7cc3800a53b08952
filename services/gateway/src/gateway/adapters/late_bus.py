"""A bus that may still be connecting: the gateway answers from its first moment, with 503 where it must."""

from collections.abc import Awaitable, Callable, Sequence

from hub.bus.protocol import Bus
from hub.contracts.cloudevents import Event
from hub.contracts.errors import Unavailable


class LateBus:
    """The Publisher protocol. Until queues are declared nothing may be published: nobody would keep it."""

    publish: Callable[[Event], Awaitable[None]]
    publish_many: Callable[[Sequence[Event]], Awaitable[None]]
    publish_batch: Callable[[str, bytes], Awaitable[None]]

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._connected = False
        self.publish = self.publish_many = _not_yet
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


async def _not_yet(_events: Event | Sequence[Event]) -> None:
    raise Unavailable("The bus is not connected yet; try again", retry_after=2)


async def _batch_not_yet(_routing_key: str, _body: bytes) -> None:
    raise Unavailable("The bus is not connected yet; try again", retry_after=2)

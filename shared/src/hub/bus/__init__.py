"""The bus: one event contract, two transports. ``open_bus`` chooses by the URL's scheme."""

from collections.abc import Sequence

from hub.bus.brake import BrakeSettings
from hub.bus.embedded.bus import EmbeddedBus
from hub.bus.protocol import Bus
from hub.bus.publisher import PublishLimits
from hub.bus.rabbitmq.bus import RabbitBus
from hub.contracts.topology import QUEUES, Queue

_TRANSPORTS: dict[str, type[RabbitBus] | type[EmbeddedBus]] = {
    "amqp": RabbitBus,
    "amqps": RabbitBus,
    "postgresql": EmbeddedBus,
    "postgres": EmbeddedBus,
}


def open_bus(
    url: str,
    *,
    name: str,
    queues: Sequence[Queue] = QUEUES,
    limits: PublishLimits | None = None,
    brake: BrakeSettings | None = None,
) -> Bus:
    """The transport for ``amqp://…`` or ``postgresql://…``, not yet connected. Call inside a running event loop.

    ``name`` is the service's (it shows on the broker). ``queues`` are declared on connecting, whoever publishes:
    what is published while their service is down waits for it. ValueError for another scheme.
    """
    transport = _TRANSPORTS.get(url.partition("://")[0])
    if transport is None:
        raise ValueError("the bus URL must begin with amqp://, amqps:// or postgresql://")
    return transport(url, name=name, queues=queues, limits=limits or PublishLimits(), brake=brake or BrakeSettings())

"""The bus: one event contract, two transports. ``open_bus`` chooses by the URL's scheme."""

from collections.abc import Sequence

from hub.bus.brake import BrakeSettings
from hub.bus.embedded.bus import EmbeddedBus
from hub.bus.protocol import Bus, TransactionalPublisher
from hub.bus.publisher import PublishLimits
from hub.bus.rabbitmq.bus import RabbitBus
from hub.bus.rabbitmq.topology import NEW_QUEUE_SECONDS
from hub.contracts.topology import QUEUES, Queue


def open_bus(
    url: str,
    *,
    name: str,
    queues: Sequence[Queue] = QUEUES,
    limits: PublishLimits | None = None,
    brake: BrakeSettings | None = None,
    new_queue_seconds: float = NEW_QUEUE_SECONDS,
) -> Bus:
    """The transport for ``amqp://…`` or ``postgresql://…``, not yet connected. Call inside a running event loop.

    ``name`` is the service's (it shows on the broker). ``queues`` are declared on connecting, whoever publishes:
    what is published while their service is down waits for it. ``new_queue_seconds`` is how long RabbitMQ is given to
    save a queue that it did not have before. ValueError for another scheme.
    """
    limits, brake = limits or PublishLimits(), brake or BrakeSettings()
    scheme = url.partition("://")[0]
    if scheme in ("amqp", "amqps"):
        return RabbitBus(url, name=name, queues=queues, limits=limits, brake=brake, new_queue_seconds=new_queue_seconds)
    if scheme in ("postgresql", "postgres"):
        return EmbeddedBus(url, name=name, queues=queues, limits=limits, brake=brake)
    raise ValueError("the bus URL must begin with amqp://, amqps:// or postgresql://")


def transactional(bus: Bus, database_url: str) -> TransactionalPublisher | None:
    """The bus as one that publishes within transactions of this database; None when it lives elsewhere."""
    return bus if isinstance(bus, EmbeddedBus) and bus.url == database_url else None

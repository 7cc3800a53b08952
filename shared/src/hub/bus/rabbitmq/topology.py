"""What has to exist on the broker before anything is published or consumed."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractQueue
from aio_pika.exceptions import ChannelNotFoundEntity

from hub.bus.settlement import CRASHES_PER_ATTEMPT
from hub.contracts.topology import DEAD_EXCHANGE, EXCHANGE, Queue

_NEVER = 2**31 - 1  # RabbitMQ 4 gives every quorum queue a limit of 20 unless told; looking at dead letters counts too


def queue_arguments(queue: Queue) -> dict[str, Any]:
    """Arguments of a service's queue. https://www.rabbitmq.com/docs/quorum-queues (dead lettering, poison messages)."""
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": queue.delivery_limit * CRASHES_PER_ATTEMPT,
        "x-dead-letter-exchange": DEAD_EXCHANGE,
        "x-dead-letter-routing-key": queue.name,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",  # what at-least-once dead-lettering asks for
    }


# A broker that dies within a second of a quorum queue's birth has forgotten which log on disk is the queue's, and with
# it all that was confirmed: Ra saves its directory of names twice a second, not at once. Seen with 3.10 (killed after
# 0.6 s: lost, after 1.5 s: there); the same state with later versions: rabbitmq-server issue 15725.
NEW_QUEUE_SECONDS = 1.5


async def ensure(connection: AbstractConnection, queues: Sequence[Queue], new_queue_seconds: float) -> None:
    """Declare everything; when a queue was new, return only when the broker can be killed without losing it."""
    new = [queue for queue in queues if not await _exists(connection, queue)]
    async with connection.channel() as channel:
        await _declare(channel, queues)
    if new:
        await asyncio.sleep(new_queue_seconds)


async def _exists(connection: AbstractConnection, queue: Queue) -> bool:
    try:
        async with connection.channel() as channel:  # the broker closes it when there is no such queue
            await channel.declare_queue(queue.name, passive=True)
            await channel.declare_queue(queue.dead, passive=True)
    except ChannelNotFoundEntity:
        return False
    return True


async def _declare(channel: AbstractChannel, queues: Sequence[Queue]) -> None:
    events = await channel.declare_exchange(EXCHANGE, ExchangeType.TOPIC, durable=True)
    dead = await channel.declare_exchange(DEAD_EXCHANGE, ExchangeType.DIRECT, durable=True)
    for queue in queues:
        letters = await declare_dead(channel, queue)
        await letters.bind(dead, queue.name)
        declared = await declare_queue(channel, queue)
        for event_type in queue.binds:
            await declared.bind(events, event_type)


async def declare_queue(channel: AbstractChannel, queue: Queue) -> AbstractQueue:
    """A service's own queue."""
    return await channel.declare_queue(queue.name, durable=True, arguments=queue_arguments(queue))


async def declare_dead(channel: AbstractChannel, queue: Queue) -> AbstractQueue:
    """The queue that keeps a queue's dead letters until somebody re-drives them."""
    arguments: dict[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": _NEVER}
    return await channel.declare_queue(queue.dead, durable=True, arguments=arguments)

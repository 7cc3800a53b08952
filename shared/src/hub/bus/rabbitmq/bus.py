"""The RabbitMQ transport, put together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity

from hub.bus.brake import BrakeSettings
from hub.bus.protocol import BatchHandler, ConsumerOptions, DeadLetter
from hub.bus.publisher import GroupCommitPublisher, PublishLimits
from hub.bus.rabbitmq import dead_letters
from hub.bus.rabbitmq.link import Link, broker_may_be_away, while_connected
from hub.bus.rabbitmq.sending import Sender
from hub.bus.rabbitmq.subscription import RabbitSubscription
from hub.bus.rabbitmq.topology import NEW_QUEUE_SECONDS, ensure
from hub.contracts.errors import Unavailable
from hub.contracts.topology import Queue

_HEALTH_SECONDS = 2.0
_BACK_SECONDS = 2.0


class RabbitBus(GroupCommitPublisher):
    """The Bus protocol over one AMQP connection. Make it inside a running event loop."""

    def __init__(
        self,
        url: str,
        *,
        name: str,
        queues: Sequence[Queue],
        limits: PublishLimits,
        brake: BrakeSettings,
        new_queue_seconds: float = NEW_QUEUE_SECONDS,
    ) -> None:
        self._queues, self._brake, self._new_queue_seconds = tuple(queues), brake, new_queue_seconds
        self._link = Link(url, name, self._ensure_topology)
        self._sender = Sender(self._link, name)
        self._subscriptions: list[RabbitSubscription] = []
        super().__init__(self._sender.event, limits)

    async def connect(self) -> None:
        """Connect and declare the topology; tries until it succeeds or is cancelled."""
        await self._link.start()

    async def close(self) -> None:
        """Stop all subscriptions, flush what was published, disconnect."""
        await asyncio.gather(*(subscription.stop() for subscription in self._subscriptions))
        self._subscriptions.clear()
        await super().close()
        await self._link.stop()

    async def healthy(self) -> bool:
        """Whether the broker confirms a message now (it does not under a memory or disk alarm)."""
        try:
            async with asyncio.timeout(_HEALTH_SECONDS):
                await self._sender.probe()
        except (Unavailable, TimeoutError):
            return False
        return True

    async def consume(self, queue: Queue, handler: BatchHandler, options: ConsumerOptions) -> RabbitSubscription:
        """Start a competing consumer; returns when the broker knows it."""
        subscription = RabbitSubscription(
            self._link, self._sender, queue, handler, options, self._brake, self._new_queue_seconds
        )
        self._subscriptions.append(subscription)
        await subscription.attached()
        return subscription

    async def depth(self, queue: str) -> int:
        """Messages ready in a queue; 0 where there is no such queue."""
        async with self._channel() as channel:
            try:
                declared = await channel.declare_queue(queue, passive=True)
            except ChannelNotFoundEntity:
                return 0
            return declared.declaration_result.message_count or 0

    async def dead_letters(self, queue: Queue, limit: int = 100) -> list[DeadLetter]:
        """The oldest dead letters of a queue; they stay where they are."""
        async with self._channel() as channel:
            found, left = await dead_letters.look(channel, queue, limit)
        await self._given_back(queue, left)
        return found

    async def redrive(self, queue: Queue, ids: Sequence[str] | None = None) -> int:
        """Put dead letters (all, or those named) back into their queue; returns how many."""
        async with self._channel() as channel:
            driven, left = await dead_letters.redrive(channel, self._sender, queue, ids)
        await self._given_back(queue, left)
        return driven

    async def discard(self, queue: Queue, ids: Sequence[str] | None = None) -> int:
        """Delete dead letters (all, or those named) for good; returns how many."""
        async with self._channel() as channel:
            gone, left = await dead_letters.discard(channel, queue, ids)
        await self._given_back(queue, left)
        return gone

    async def _given_back(self, queue: Queue, letters: int) -> None:
        """Whoever looks next would miss letters that are on their way back still (or that others took)."""
        with suppress(TimeoutError, Unavailable):
            async with asyncio.timeout(_BACK_SECONDS):
                while await self.depth(queue.dead) < letters:  # noqa: ASYNC110 - the state is the broker's
                    await asyncio.sleep(0.01)

    async def _ensure_topology(self, connection: AbstractConnection) -> None:
        await ensure(connection, self._queues, self._new_queue_seconds)

    @asynccontextmanager
    async def _channel(self) -> AsyncIterator[AbstractChannel]:
        connection = await self._link.connection()
        with broker_may_be_away("answering"):
            async with while_connected(connection), connection.channel() as channel:
                yield channel

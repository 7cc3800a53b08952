"""A consumer of one queue: its own channel, opened again whenever it ends."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from hub.bus.backoff import pauses
from hub.bus.brake import BrakeSettings
from hub.bus.consumer import Consumer
from hub.bus.protocol import BatchHandler, ConsumerOptions
from hub.bus.rabbitmq.link import BROKER_AWAY, Link
from hub.bus.rabbitmq.sending import ATTEMPT, Sender
from hub.bus.rabbitmq.topology import declare
from hub.bus.settlement import Delivery, Settlement
from hub.contracts.errors import Unavailable
from hub.contracts.topology import Queue

_log = structlog.get_logger(__name__)


class RabbitSubscription:
    """Keeps a consumer attached to its queue, and settles for it."""

    def __init__(
        self,
        link: Link,
        sender: Sender,
        queue: Queue,
        handler: BatchHandler,
        options: ConsumerOptions,
        brake: BrakeSettings,
    ) -> None:
        self._link, self._sender, self._queue, self._options = link, sender, queue, options
        self._consumer = Consumer(queue, handler, options, self, brake)
        self._attached = asyncio.Event()
        self._cancel: tuple[AbstractQueue, str] | None = None
        self._feeder = asyncio.create_task(self._feed())

    @property
    def braked(self) -> bool:
        """True while the dead-letter brake holds consumption."""
        return self._consumer.braked

    @property
    def in_hand(self) -> int:
        """Messages received and not yet settled."""
        return self._consumer.in_hand

    async def attached(self) -> None:
        """Returns when the broker knows this consumer."""
        await self._attached.wait()

    async def stop(self) -> None:
        """Take no more, finish what the handler has, give the rest back, detach."""
        if self._cancel is not None:
            queue, tag = self._cancel
            with suppress(*BROKER_AWAY):
                await queue.cancel(tag, timeout=5)
        await self._consumer.stop()
        self._feeder.cancel()
        with suppress(asyncio.CancelledError):
            await self._feeder

    async def settle(self, settlement: Settlement) -> None:
        """Backend: letters first, confirmed; then the acknowledgements, one a message."""
        messages: list[AbstractIncomingMessage] = [delivery.tag for delivery in settlement.deliveries]
        if any(message.channel.is_closed for message in messages):
            raise Unavailable("the connection that brought these messages is gone; they will come again")
        letters = [self._sender.again(self._queue, letter) for letter in settlement.again]
        letters += [self._sender.dead(self._queue, letter) for letter in settlement.dead]
        if letters:
            answers = await asyncio.gather(*letters, return_exceptions=True)
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
        try:
            for message in messages:
                await message.ack()
        except BROKER_AWAY as error:
            raise Unavailable("the broker went away before the acknowledgement; the messages come again") from error

    async def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Backend: back to the head of the queue."""
        with suppress(*BROKER_AWAY):  # a connection that is gone gives them back by itself
            for delivery in deliveries:
                await delivery.tag.nack(requeue=True)

    async def _feed(self) -> None:
        waiting = pauses()
        while True:
            connection = await self._link.connection()
            try:
                async with connection.channel(publisher_confirms=False) as channel:
                    over = await self._attach(channel)
                    waiting = pauses()
                    await over.wait()
            except BROKER_AWAY as error:
                _log.warning("bus.consumer_detached", queue=self._queue.name, error=repr(error))
            finally:
                self._attached.clear()
                self._cancel = None
                self._consumer.forget_waiting()
            await asyncio.sleep(next(waiting))

    async def _attach(self, channel: AbstractChannel) -> asyncio.Event:
        over = asyncio.Event()
        channel.close_callbacks.add(lambda *_: over.set())
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(lambda _: over.set())  # the queue was deleted or moved
        await channel.set_qos(prefetch_count=self._options.prefetch_messages)
        await declare(channel, (self._queue,))
        queue = await channel.get_queue(self._queue.name)
        self._cancel = (queue, await queue.consume(self._received))
        self._attached.set()
        return over

    async def _received(self, message: AbstractIncomingMessage) -> None:
        attempt, crashes = _count(message.headers.get(ATTEMPT)), _count(message.headers.get("x-delivery-count"))
        self._consumer.receive(Delivery(message.body, message, attempt, crashes))


def _count(header: Any) -> int:
    return header if isinstance(header, int) and header > 0 else 0

"""A consumer of one queue: its own channel, opened again whenever it ends."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from hub.bus.backoff import pauses
from hub.bus.brake import BrakeSettings
from hub.bus.consumer import Consumer
from hub.bus.protocol import BatchHandler, ConsumerOptions
from hub.bus.rabbitmq.link import Link, broker_may_be_away, while_connected
from hub.bus.rabbitmq.sending import ATTEMPT, Sender
from hub.bus.rabbitmq.topology import ensure
from hub.bus.settlement import Delivery, Settlement
from hub.contracts.errors import Unavailable
from hub.contracts.topology import Queue

_DETACH_SECONDS = 5.0
_ACKNOWLEDGE_SECONDS = 30.0
Receive = Callable[[AbstractIncomingMessage], Awaitable[None]]
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
        new_queue_seconds: float,
    ) -> None:
        self._new_queue_seconds = new_queue_seconds
        self._link, self._sender, self._queue, self._options = link, sender, queue, options
        self._consumer = Consumer(queue, handler, options, self, brake)
        self._attached, self._calm = asyncio.Event(), asyncio.Event()
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
            with suppress(Unavailable), broker_may_be_away("detaching"):
                await queue.cancel(tag, timeout=_DETACH_SECONDS)
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
        with broker_may_be_away("taking acknowledgements; the messages come again"):
            async with asyncio.timeout(
                _ACKNOWLEDGE_SECONDS
            ):  # a socket that is closing may take nothing, and say so never
                for message in messages:
                    await message.ack()
        if not all(delivery.crashes for delivery in settlement.deliveries):
            self._calm.set()

    async def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Backend: back to the head of the queue. A connection that is gone gives them back by itself."""
        with suppress(Unavailable), broker_may_be_away("taking messages back"):
            async with asyncio.timeout(_ACKNOWLEDGE_SECONDS):
                for delivery in deliveries:
                    await delivery.tag.nack(requeue=True)

    async def _feed(self) -> None:
        waiting = pauses()
        while True:
            connection = await self._link.connection()
            try:
                with broker_may_be_away("bringing messages"):
                    async with while_connected(connection):
                        await ensure(connection, (self._queue,), self._new_queue_seconds)
                        async with connection.channel(publisher_confirms=False) as channel:
                            waiting = await self._attached_to(channel)
            except Unavailable as error:
                _log.warning("bus.consumer_detached", queue=self._queue.name, error=error.message)
            except Exception:  # noqa: BLE001 - a feeder that ends would stop consuming without a word
                _log.exception("bus.consumer_failed", queue=self._queue.name)
            finally:
                self._attached.clear()
                self._cancel = None
                self._consumer.forget_waiting()
            await asyncio.sleep(next(waiting))

    async def _attached_to(self, channel: AbstractChannel) -> Iterator[float]:
        """Consume until the channel ends; returns fresh pauses."""
        over, self._calm = asyncio.Event(), asyncio.Event()
        channel.close_callbacks.add(lambda *_: over.set())
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(lambda _: over.set())  # the queue was deleted or moved

        async def received(message: AbstractIncomingMessage) -> None:
            headers = message.headers
            delivery = Delivery(
                message.body, message, _count(headers.get(ATTEMPT)), _count(headers.get("x-delivery-count"))
            )
            self._consumer.receive(delivery)

        # One message at a time until one is settled that nobody had died of: a message that kills its consumer is then
        # alone in hand, and the broker's count of failed deliveries finds it and not those around it.
        queue = await channel.get_queue(self._queue.name)
        tag = await self._consume(channel, queue, received, prefetch=1)
        self._attached.set()
        await _first(over, self._calm)
        if not over.is_set() and self._options.prefetch_messages > 1:
            self._cancel = None
            await queue.cancel(tag)
            await self._consume(channel, queue, received, self._options.prefetch_messages)
        await over.wait()
        return pauses()

    async def _consume(self, channel: AbstractChannel, queue: AbstractQueue, received: Receive, prefetch: int) -> str:
        await channel.set_qos(prefetch_count=prefetch)
        tag = await queue.consume(received)
        self._cancel = (queue, tag)
        return tag


async def _first(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _count(header: Any) -> int:
    return header if isinstance(header, int) and header > 0 else 0

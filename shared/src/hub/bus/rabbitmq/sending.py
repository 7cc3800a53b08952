"""Messages onto the broker, each confirmed."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from aiormq import Channel, spec
from aiormq.abc import DeliveredMessage

from hub.bus.rabbitmq.link import Link, broker_may_be_away
from hub.bus.settlement import Letter
from hub.contracts.cloudevents import CONTENT_TYPE
from hub.contracts.compression import ENCODING, is_compressed
from hub.contracts.errors import Unavailable
from hub.contracts.ids import new_id, now_text
from hub.contracts.topology import DEAD_EXCHANGE, EXCHANGE, Queue

ATTEMPT = "x-hub-attempt"
REASON = "x-hub-reason"
DIED_AT = "x-hub-died-at"
_CONFIRM_SECONDS = 30.0
_PERSISTENT = 2  # AMQP's delivery mode
_EXCHANGE_FREE = ""  # the default exchange: straight to the queue that the routing key names


class Sender:
    """Publishes persistent messages over a link; each call returns when the broker has confirmed its message."""

    def __init__(self, link: Link, name: str) -> None:
        self._link, self._name = link, name

    async def event(self, event_type: str, body: bytes) -> None:
        """A batch to every queue bound to its type."""
        await self._publish(EXCHANGE, event_type, body, new_id(), {})

    async def again(self, queue: Queue, letter: Letter) -> None:
        """One event back to its own queue, and to no other."""
        headers = {ATTEMPT: letter.attempt, REASON: letter.reason}
        await self._settled(_EXCHANGE_FREE, queue.name, letter.body, letter.id, headers)

    async def dead(self, queue: Queue, letter: Letter) -> None:
        """One event (or unreadable message) to the dead letters."""
        headers = {ATTEMPT: letter.attempt, REASON: letter.reason, DIED_AT: now_text()}
        await self._settled(DEAD_EXCHANGE, queue.name, letter.body, letter.id, headers)

    async def probe(self) -> None:
        """A message that goes nowhere: its confirm says that the broker takes messages (no memory or disk alarm)."""
        await self._publish(_EXCHANGE_FREE, "mpp.probe", b"[]", new_id(), {}, mandatory=False)

    async def _settled(self, exchange: str, key: str, body: bytes, letter_id: str, headers: Mapping[str, Any]) -> None:
        try:
            async with asyncio.timeout(_CONFIRM_SECONDS):
                await self._publish(exchange, key, body, letter_id, headers)
        except TimeoutError:
            raise Unavailable("the message broker did not confirm in time") from None

    async def _publish(
        self, exchange: str, key: str, body: bytes, letter_id: str, headers: Mapping[str, Any], mandatory: bool = True
    ) -> None:
        properties = spec.Basic.Properties(
            headers=dict(headers),
            content_type=CONTENT_TYPE,
            content_encoding=ENCODING if is_compressed(body) else None,
            delivery_mode=_PERSISTENT,
            message_id=letter_id,
            app_id=self._name,
        )
        with broker_may_be_away("confirming"):
            channel = cast(Channel, await self._link.channel().get_underlay_channel())  # the interface lacks ``wait``
            # Not waiting until the socket took it: the confirm says more, and what is on its way is bounded by callers.
            answer = await channel.basic_publish(
                body, exchange=exchange, routing_key=key, properties=properties, mandatory=mandatory, wait=False
            )
        if isinstance(answer, DeliveredMessage):
            raise Unavailable(f"no queue is bound to {key!r}: nobody would ever get this message")

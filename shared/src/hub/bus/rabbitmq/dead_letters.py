"""Look at a queue's dead letters, and put them back.

Each function also says how many letters it had in hand and left: they are given back when its channel closes, which the
broker does in its own time.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC
from typing import Any

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from hub.bus.protocol import DeadLetter
from hub.bus.rabbitmq.sending import DIED_AT, REASON, Sender
from hub.bus.rabbitmq.topology import declare_dead
from hub.bus.settlement import Letter
from hub.contracts.ids import rfc3339
from hub.contracts.topology import Queue


async def look(channel: AbstractChannel, queue: Queue, limit: int) -> tuple[list[DeadLetter], int]:
    """The oldest dead letters; they stay where they are."""
    letters = await declare_dead(channel, queue)
    found = [_letter(queue, message) async for message in _waiting(letters, limit)]
    await channel.close()  # gives all of them back, in their order
    return found, len(found)


async def redrive(channel: AbstractChannel, sender: Sender, queue: Queue, ids: Sequence[str] | None) -> tuple[int, int]:
    """Put dead letters back into their queue as if new; each leaves the dead letters only when that is confirmed."""
    driven = left = 0
    async for message, letter, wanted in _chosen(channel, queue, ids):
        if not wanted:
            left += 1
            continue
        await sender.again(queue, Letter(letter.id, message.body, 0, "re-driven"))
        await message.ack()
        driven += 1
    await channel.close()
    return driven, left


async def discard(channel: AbstractChannel, queue: Queue, ids: Sequence[str] | None) -> tuple[int, int]:
    """Delete dead letters for good."""
    gone = left = 0
    async for message, _, wanted in _chosen(channel, queue, ids):
        if not wanted:
            left += 1
            continue
        await message.ack()
        gone += 1
    await channel.close()
    return gone, left


async def _chosen(
    channel: AbstractChannel, queue: Queue, ids: Sequence[str] | None
) -> AsyncIterator[tuple[AbstractIncomingMessage, DeadLetter, bool]]:
    letters = await declare_dead(channel, queue)
    wanted = None if ids is None else set(ids)
    async for message in _waiting(letters, letters.declaration_result.message_count or 0):
        letter = _letter(queue, message)
        yield message, letter, wanted is None or letter.id in wanted


async def _waiting(letters: AbstractQueue, limit: int) -> AsyncIterator[AbstractIncomingMessage]:
    for _ in range(limit):
        message = await letters.get(fail=False)
        if message is None:
            return
        yield message


def _letter(queue: Queue, message: AbstractIncomingMessage) -> DeadLetter:
    headers: dict[str, Any] = dict(message.headers)
    died_at, reason = headers.get(DIED_AT), headers.get(REASON)
    deaths = headers.get("x-death")
    if reason is None and isinstance(deaths, list) and deaths and isinstance(deaths[0], dict):
        # Dead-lettered by the broker itself: the message ended its consumer again and again.
        moment = deaths[0].get("time")
        died_at = rfc3339(moment.replace(tzinfo=moment.tzinfo or UTC)) if moment else None
        reason = f"broker: {deaths[0].get('reason')}"
    return DeadLetter(
        id=message.message_id or hashlib.sha256(message.body).hexdigest()[:32],
        queue=queue.name,
        reason=str(reason or "unknown"),
        body=message.body,
        died_at=str(died_at or ""),
        headers=headers,
    )

"""Waiting until everything that was set in motion has come to rest."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import asyncpg

from hub.bus.protocol import Bus
from hub.contracts.topology import QUEUES

# Nothing to publish, to push (unless it waits for a later attempt) or to deliver.
_AT_REST = """
    SELECT NOT EXISTS (SELECT FROM leads.outbox) AND NOT EXISTS (SELECT FROM sync.outbox)
       AND NOT EXISTS (SELECT FROM sync.target WHERE state = 'due' AND next_attempt_at < now() + interval '5 seconds')
       AND NOT EXISTS (SELECT FROM webhooks.delivery WHERE state = 'due' AND attempts = 0)"""
_LOOK_SECONDS, _LOOKS_IN_A_ROW = 0.25, 4


async def until_quiet(pool: asyncpg.Pool, bus: Bus, within: float, also: Callable[[], Awaitable[bool]]) -> bool:
    """Wait until tables and queues are empty and ``also`` holds, several looks in a row; False when time ran out."""
    deadline, quiet = time.monotonic() + within, 0
    while quiet < _LOOKS_IN_A_ROW:
        if time.monotonic() > deadline:
            return False
        quiet = quiet + 1 if await _at_rest(pool, bus) and await also() else 0
        await asyncio.sleep(_LOOK_SECONDS)
    return True


async def _at_rest(pool: asyncpg.Pool, bus: Bus) -> bool:
    if not await pool.fetchval(_AT_REST):
        return False
    return all([await bus.depth(queue.name) == 0 for queue in QUEUES])

"""The transformer, wired by hand."""

import asyncio

import asyncpg
import structlog
from aiohttp import web

from hub.bus import open_bus, transactional
from hub.bus.protocol import ConsumerOptions
from hub.contracts.cloudevents import MAX_BATCH_EVENTS
from hub.contracts.topology import TRANSFORMER
from hub.runtime import Service
from hub.store.outbox import Outbox
from hub.store.pool import DATABASE_AWAY, PLANS_BY_INDEX, open_pool
from transformer.adapters.directory import Directory
from transformer.adapters.purging import forget
from transformer.handlers import Transformer
from transformer.settings import TransformerSettings

_log = structlog.get_logger()
_PURGE_SECONDS = 600
_EVENTS = 1_000  # of one batch: two full messages share the round trips, the turn and the commit


async def build(service: Service, settings: TransformerSettings) -> web.Application | None:
    """Open what the service needs, start consuming and relaying."""
    pool = await service.resources.enter_async_context(
        await open_pool(settings.database_url, "hub_transformer", max_size=settings.db_pool_size, plans=PLANS_BY_INDEX)
    )
    bus = open_bus(settings.effective_bus_url, name="transformer")
    await bus.connect()
    service.resources.push_async_callback(bus.close)
    outbox = Outbox(pool, "leads.outbox", transactional(bus, settings.database_url))
    transformer = Transformer(pool, outbox, Directory(pool))
    service.background(outbox.relay(bus), "outbox relay")
    service.background(_purge(pool, settings), "purge")
    in_hand = settings.batches_in_hand
    messages = 2 * in_hand * _EVENTS // MAX_BATCH_EVENTS
    options = ConsumerOptions(max_events=_EVENTS, concurrency=in_hand, prefetch_messages=messages)
    subscription = await bus.consume(TRANSFORMER, transformer.handle, options)
    service.resources.push_async_callback(subscription.stop)
    service.checks["database"] = lambda: _answers(pool)
    service.checks["bus"] = bus.healthy
    return None


async def _answers(pool: asyncpg.Pool) -> bool:
    return bool(await pool.fetchval("SELECT true"))


async def _purge(pool: asyncpg.Pool, settings: TransformerSettings) -> None:
    while True:
        await asyncio.sleep(_PURGE_SECONDS)
        try:
            await forget(pool, inbox_days=settings.inbox_days, import_days=settings.import_keep_days)
        except DATABASE_AWAY as error:
            _log.warning("transformer.purge_waits", error=str(error))

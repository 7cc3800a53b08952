"""The audit service, put together."""

from functools import partial

from audit.adapters.trail import PostgresTrail
from audit.handlers import HANDLERS
from audit.settings import AuditSettings
from hub.bus import open_bus
from hub.bus.protocol import ConsumerOptions
from hub.runtime import Service
from hub.store.pool import open_pool

NAME = "audit"


async def build(service: Service, settings: AuditSettings) -> None:
    """Connect to the database and the bus, then listen."""
    pool = await open_pool(
        settings.database_url, "hub_audit", max_size=settings.db_pool_size, application_name=f"hub {NAME}"
    )
    service.resources.push_async_callback(pool.close)
    bus = open_bus(settings.effective_bus_url, name=NAME)
    service.resources.push_async_callback(bus.close)
    await bus.connect()

    async def database() -> bool:
        return await pool.fetchval("SELECT true") is True

    service.checks.update(database=database, bus=bus.healthy)
    trail = PostgresTrail(pool)
    options = ConsumerOptions(concurrency=settings.audit_concurrency)
    for queue, handler in HANDLERS.items():
        subscription = await bus.consume(queue, partial(handler, trail), options)
        service.resources.push_async_callback(subscription.stop)

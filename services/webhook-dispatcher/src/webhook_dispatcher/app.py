"""The webhook dispatcher, put together."""

import asyncio
import random
from datetime import timedelta
from functools import partial

import structlog

from hub.bus import open_bus
from hub.bus.protocol import ConsumerOptions
from hub.egress import EgressPolicy, open_session
from hub.runtime import Service
from hub.store.pool import DATABASE_AWAY, open_pool
from hub.vault import Keyring, Vault
from webhook_dispatcher.adapters.deliveries import PostgresDeliveries
from webhook_dispatcher.adapters.secrets import VaultSecrets
from webhook_dispatcher.adapters.sender import HttpSender
from webhook_dispatcher.dispatching import Dispatcher, Limits
from webhook_dispatcher.handlers import HANDLERS, Desk
from webhook_dispatcher.results import Results
from webhook_dispatcher.settings import DispatcherSettings

NAME = "webhook-dispatcher"
_PURGE_EVERY = 3600.0
_log = structlog.get_logger()


async def build(service: Service, settings: DispatcherSettings) -> None:
    """Connect to the database and the bus, then listen and deliver."""
    pool = await open_pool(
        settings.database_url, "hub_webhook_dispatcher", max_size=settings.db_pool_size, application_name=f"hub {NAME}"
    )
    service.resources.push_async_callback(pool.close)
    session = open_session(
        EgressPolicy.read(settings.egress_allow),
        connections=settings.webhook_concurrency,
        timeout=settings.webhook_timeout,
        headers={"Accept-Encoding": "identity"},  # answers are thrown away: nothing to gain from compression
    )
    service.resources.push_async_callback(session.close)
    deliveries = PostgresDeliveries(pool, settings.webhook_lease)
    secrets = VaultSecrets(Vault(pool, Keyring.load(settings.keyring_file, settings.keyring)))
    results = Results(deliveries)
    dispatcher = Dispatcher(
        deliveries,
        HttpSender(session, secrets, settings.webhook_timeout),
        results,
        _limits(settings),
        random.random,
    )
    service.resources.push_async_callback(dispatcher.finish)
    service.background(dispatcher.run(), "deliver")
    service.background(results.run(), "results")
    service.background(_purge(deliveries, timedelta(days=settings.webhook_keep_days)), "purge")

    bus = open_bus(settings.effective_bus_url, name=NAME)
    service.resources.push_async_callback(bus.close)
    await bus.connect()

    async def database() -> bool:
        return await pool.fetchval("SELECT true") is True

    service.checks.update(database=database, bus=bus.healthy)
    desk = Desk(deliveries, dispatcher.wake)
    for queue, handler in HANDLERS.items():
        options = ConsumerOptions(concurrency=2, interested=deliveries.subscribed)
        subscription = await bus.consume(queue, partial(handler, desk), options)
        service.resources.push_async_callback(subscription.stop)


def _limits(settings: DispatcherSettings) -> Limits:
    return Limits(
        concurrency=settings.webhook_concurrency,
        per_subscription=settings.webhook_per_subscription,
        timeout=settings.webhook_timeout,
        poll=settings.webhook_poll,
        schedule=settings.webhook_schedule,
    )


async def _purge(deliveries: PostgresDeliveries, older_than: timedelta) -> None:
    while True:
        try:
            gone = await deliveries.purge(older_than)
            _log.info("webhooks.purged", rows=gone)
        except DATABASE_AWAY as error:
            _log.warning("webhooks.purge_failed", error=repr(error))
        await asyncio.sleep(_PURGE_EVERY)

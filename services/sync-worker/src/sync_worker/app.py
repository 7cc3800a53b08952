"""sync-worker, wired."""

from functools import partial

from aiohttp import web

from hub.bus import open_bus, transactional
from hub.bus.protocol import ConsumerOptions
from hub.contracts.events import CONNECTION_CONNECTED, CONNECTION_SYNC_REQUESTED
from hub.contracts.topology import SYNC_WORKER
from hub.egress import EgressPolicy
from hub.grants import OAuthParts, OAuthServers
from hub.runtime import Service
from hub.store.outbox import Outbox
from hub.store.pool import open_pool
from hub.vault import Keyring, Vault
from sync_worker import metrics
from sync_worker.adapters.lines import CallLimits, Lines
from sync_worker.adapters.runs import Runs
from sync_worker.adapters.schemas import Schemas
from sync_worker.adapters.targets import Targets
from sync_worker.adapters.wanted import Wanted
from sync_worker.facts import Causes
from sync_worker.handlers import Parts, handle, seed
from sync_worker.lanes import Lanes
from sync_worker.pace import Pace
from sync_worker.reading.readers import Readers
from sync_worker.settings import SyncWorkerSettings

NAME = "sync-worker"
ROLE = "hub_sync_worker"


async def build(service: Service, settings: SyncWorkerSettings) -> web.Application | None:
    """Connect, start the lanes, then take events. Ends in reverse order: no more events, then what is in hand."""
    pool = await open_pool(settings.database_url, ROLE, max_size=settings.db_pool_size, application_name=NAME)
    service.resources.push_async_callback(pool.close)
    bus = open_bus(settings.effective_bus_url, name=NAME)
    await bus.connect()
    service.resources.push_async_callback(bus.close)

    outbox = Outbox(pool, "sync.outbox", transactional(bus, settings.database_url))
    targets = Targets(pool, outbox)
    causes = Causes()
    vault = Vault(pool, Keyring.load(settings.keyring_file, settings.keyring))
    servers = OAuthServers(EgressPolicy.read(settings.egress_allow), timeout=settings.sync_call_seconds)
    service.resources.push_async_callback(servers.close)
    oauth = OAuthParts(pool, vault, servers, metrics.count_refresh)
    lines = Lines(oauth, settings.oauth_apps, CallLimits.of(settings))
    service.resources.push_async_callback(lines.close)
    lanes = Lanes(lines, targets, causes, Pace.of(settings), settings.sync_poll_seconds)
    service.resources.push_async_callback(lanes.close)

    service.background(outbox.relay(bus), "outbox relay")
    service.background(lanes.poll(), "poll for due work")
    runs = Runs(pool, outbox, settings.sync_lease_seconds)
    wanted = Wanted(pool, outbox, settings.sync_lease_seconds)
    readers = Readers(
        lines,
        runs,
        wanted,
        Schemas(pool),
        partial(seed, targets, lanes),
        poll_seconds=settings.sync_poll_seconds,
        most=settings.sync_runs,
    )
    service.resources.push_async_callback(readers.close)
    service.background(readers.poll(), "poll for reading")
    handler = partial(handle, Parts(lines, targets, lanes, causes, runs, wanted, readers))
    # A connection made after an account was passed over finds the leads of those events stored, and seeds them all.
    options = ConsumerOptions(
        interested=targets.connected, always_decoded=(CONNECTION_CONNECTED, CONNECTION_SYNC_REQUESTED)
    )
    subscription = await bus.consume(SYNC_WORKER, handler, options)
    service.resources.push_async_callback(subscription.stop)

    async def database_answers() -> bool:
        return bool(await pool.fetchval("SELECT true"))

    service.checks |= {"database": database_answers, "bus": bus.healthy}
    return None

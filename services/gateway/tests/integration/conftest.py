"""A real gateway in this process, on a free port, over a real database and the embedded bus."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import asyncpg
import pytest

from gateway.app import build
from gateway.settings import GatewaySettings
from hub.bus import open_bus
from hub.bus.protocol import ConsumerOptions
from hub.contracts.cloudevents import Event
from hub.contracts.connector import Connector
from hub.contracts.errors import Outcome
from hub.contracts.scopes import ROLES
from hub.contracts.topology import AUDIT, SYNC_WORKER, TRANSFORMER
from hub.grants import OAuthApps
from hub.registry import CONNECTORS
from hub.runtime import Service, health_routes, serving
from hub.store.pool import open_pool
from hub.testing.vendor import CLIENT_ID, CLIENT_SECRET, Vendor, running_vendor, vendor_connector
from hub.vault import Keyring, Vault
from hub.vault.api_keys import generate_api_key

WEBHOOK_SECRET = b"the webhook's own secret"
APPS = OAuthApps(
    oauth_salesforce_client_id="salesforce-client",
    oauth_salesforce_client_secret="salesforce-secret",
    oauth_hubspot_client_id="hubspot-client",
    oauth_hubspot_client_secret="hubspot-secret",
)


@dataclass
class Hub:
    """What a test works with."""

    url: str
    database_url: str
    keyring: Keyring
    pool: asyncpg.Pool  # as the superuser: tests set up and look at everything
    client: aiohttp.ClientSession  # sends the account's admin key
    account_id: int
    key: str
    connection_id: int
    events: list[Event] = field(default_factory=list)  # what reached the other services' queues

    async def add_key(self, scopes: Sequence[str], account_id: int | None = None, **columns: Any) -> str:
        """A new API key's text."""
        key = generate_api_key()
        names = ["account_id", "id", "name", "secret_hash", "scopes", *columns]
        values = [
            account_id or self.account_id,
            key.id,
            f"key {key.id}",
            key.secret_hash,
            list(scopes),
            *columns.values(),
        ]
        places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
        statement = f"INSERT INTO control.api_key ({', '.join(names)}) VALUES ({places})"  # noqa: S608 - names from this file
        await self.pool.execute(statement, *values)
        return key.text

    async def add_connection(self, name: str, secret: bytes, *, mode: str = "simple", **config: Any) -> int:
        """A new custom-CRM connection's id."""
        row: int = await self.pool.fetchval(
            "INSERT INTO control.connection (account_id, crm_type, name, config, webhook_mode)"
            " VALUES ($1, 'custom', $2, $3, $4) RETURNING id",
            self.account_id,
            name,
            {"crm_type": "custom", **config},
            mode,
        )
        sealed = await Vault(self.pool, self.keyring).seal(self.account_id, f"connection:{row}:webhook_secret", secret)
        await self.pool.execute("UPDATE control.connection SET webhook_secret = $2 WHERE id = $1", row, sealed)
        return row

    async def until(self, condition: Callable[[], Awaitable[Any]], seconds: float = 10) -> Any:
        """The first true value of ``condition``."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := await condition():
                return value
            await asyncio.sleep(0.02)
        raise AssertionError("it did not come true in time")

    async def received(self, count: int, type_: str | None = None) -> list[Event]:
        """The events on the bus, once there are so many."""

        async def enough() -> list[Event]:
            found = [event for event in self.events if type_ is None or event.type == type_]
            return found if len(found) >= count else []

        found: list[Event] = await self.until(enough)
        return found


@asynccontextmanager
async def gateway_running(
    database_url: str, keyring: Keyring, connectors: Mapping[str, Connector] = CONNECTORS, **settings: Any
) -> AsyncIterator[str]:
    """A gateway's address while it runs."""
    chosen = GatewaySettings(
        database_url=database_url,
        keyring=keyring.dumps(),
        **{
            "key_cache_seconds": 0.2,
            "connection_cache_seconds": 0.1,
            "feed_seconds": 0.05,
            "panel_seconds": 0.2,
            "oauth_apps": APPS,
            **settings,
        },
    )
    service = Service("gateway", chosen)
    try:
        app = await build(service, connectors)
        app.add_routes(health_routes(service.checks))
        async with serving(app, "127.0.0.1", 0, stop_seconds=2) as port:
            yield f"http://127.0.0.1:{port}"
    finally:
        await service.close()


async def until_ready(url: str) -> None:
    """Wait for the gateway's database and bus."""
    async with aiohttp.ClientSession() as client:
        for _ in range(500):
            async with client.get(f"{url}/readyz") as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.02)
    raise AssertionError("the gateway did not get ready")


@pytest.fixture
def keyring() -> Keyring:
    """A key ring for one test."""
    return Keyring.generate()


MakeHub = Callable[..., AbstractAsyncContextManager[Hub]]


@pytest.fixture
def make_hub(keyring: Keyring) -> MakeHub:
    """Runs a gateway with one account, one admin key and one custom-CRM connection."""

    @asynccontextmanager
    async def running(database_url: str, **settings: Any) -> AsyncIterator[Hub]:
        pool = await open_pool(database_url, None, max_size=4)
        try:
            account_id = await pool.fetchval("INSERT INTO control.account (name) VALUES ('acme') RETURNING id")
            async with (
                gateway_running(database_url, keyring, **settings) as url,
                aiohttp.ClientSession(url) as client,
            ):
                hub = Hub(url, database_url, keyring, pool, client, account_id, "", 0)
                hub.key = await hub.add_key(ROLES["admin"])
                hub.connection_id = await hub.add_connection("crm", WEBHOOK_SECRET)
                client.headers["Authorization"] = f"Bearer {hub.key}"
                await until_ready(url)
                await asyncio.sleep(0.15)  # the connection cache has seen the connection
                yield hub
        finally:
            pool.terminate()

    return running


@asynccontextmanager
async def listening(hub: Hub) -> AsyncIterator[Hub]:
    """What the gateway publishes is collected in ``hub.events``, once however many queues hear it."""
    bus = open_bus(hub.database_url, name="test")
    try:
        await bus.connect()

        async def collect(events: Sequence[Event]) -> Mapping[str, Outcome]:
            known = {event.id for event in hub.events}
            hub.events.extend(event for event in events if event.id not in known)
            return {}

        for queue in (TRANSFORMER, AUDIT, SYNC_WORKER):
            await bus.consume(queue, collect, ConsumerOptions())
        yield hub
    finally:
        await bus.close()


@pytest.fixture
def listened() -> Callable[[Hub], AbstractAsyncContextManager[Hub]]:
    """Collects what a hub of the test's own publishes."""
    return listening


@pytest.fixture
async def hub(database_url: str, make_hub: MakeHub) -> AsyncIterator[Hub]:
    """The gateway on the embedded bus, listened to."""
    async with make_hub(database_url) as made, listening(made) as hub:
        yield hub


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    """A vendor with OAuth that can be made to misbehave; it stands in Salesforce's place."""
    async with running_vendor() as vendor:
        yield vendor


@pytest.fixture
async def vendor_hub(database_url: str, make_hub: MakeHub, vendor: Vendor) -> AsyncIterator[Hub]:
    """A gateway that knows the vendor, listened to."""
    apps = OAuthApps(
        oauth_salesforce_client_id=CLIENT_ID,
        oauth_salesforce_client_secret=CLIENT_SECRET,
        salesforce_login_url=vendor.url,
        salesforce_domains="127.0.0.1",
    )
    settings = {"oauth_apps": apps, "egress_allow": "127.0.0.0/8", "crm_test_seconds": 1.0}
    connectors = {**CONNECTORS, "salesforce": vendor_connector()}
    async with make_hub(database_url, connectors=connectors, **settings) as made, listening(made) as hub:
        yield hub

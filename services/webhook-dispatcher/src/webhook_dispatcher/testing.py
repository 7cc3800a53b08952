"""What this service's integration tests share: an account in a fresh database, and a dispatcher in this process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from hub.bus import open_bus
from hub.bus.protocol import Bus
from hub.contracts import events as e
from hub.contracts.cloudevents import Event
from hub.runtime import Service
from hub.store.pool import open_pool
from hub.vault import Keyring, Vault
from webhook_dispatcher.app import build
from webhook_dispatcher.settings import DispatcherSettings

SECRET = "webhook_secret_key"  # noqa: S105 - the design document's example
ALL_EVENTS = ("lead.created", "lead.updated", "enrollment.completed")
_SUBSCRIBE = """
INSERT INTO webhooks.subscription (account_id, webhook_url, events, secret) VALUES ($1, $2, $3, '') RETURNING id"""


@dataclass
class World:
    """An account in a fresh database, and the means to look at what happens to its webhooks."""

    database_url: str
    keyring: Keyring
    pool: asyncpg.Pool
    bus: Bus
    account: int
    services: list[Service] = field(default_factory=list)

    async def subscribe(self, url: str, events: Sequence[str] = ALL_EVENTS) -> int:
        """A new active subscription; returns its id."""
        number: int = await self.pool.fetchval(_SUBSCRIBE, self.account, url, list(events))
        place = f"subscription:{number}:secret"
        sealed = await Vault(self.pool, self.keyring).seal(self.account, place, SECRET.encode())
        await self.pool.execute("UPDATE webhooks.subscription SET secret = $2 WHERE id = $1", number, sealed)
        return number

    def settings(self, **changes: Any) -> DispatcherSettings:
        """Settings with short times; loopback is allowed."""
        quick: dict[str, Any] = {
            "webhook_schedule": (0.2, 0.4),
            "webhook_timeout": 1.0,
            "webhook_lease": 3.0,
            "webhook_poll": 0.1,
        }
        chosen = quick | {"egress_allow": "127.0.0.0/8", "keyring": self.keyring.dumps()} | changes
        return DispatcherSettings(database_url=self.database_url, **chosen)

    async def start(self, **changes: Any) -> Service:
        """Run a dispatcher in this process."""
        settings = self.settings(**changes)
        service = Service("webhook-dispatcher", settings)
        self.services.append(service)
        await build(service, settings)
        return service

    async def deliveries(self) -> list[asyncpg.Record]:
        """All deliveries."""
        return await self.pool.fetch("SELECT * FROM webhooks.delivery ORDER BY subscription_id, event_id")

    async def attempts(self) -> list[asyncpg.Record]:
        """The whole delivery log."""
        return await self.pool.fetch("SELECT * FROM webhooks.attempt ORDER BY subscription_id, event_id, number")

    async def settled(self, count: int, within: float = 15.0) -> list[asyncpg.Record]:
        """Wait until there are ``count`` deliveries and none is due; returns them."""

        async def done() -> bool:
            rows = await self.deliveries()
            return len(rows) == count and all(row["state"] != "due" for row in rows)

        await until(done, within)
        return await self.deliveries()

    def created(self, lead: int, account: int | None = None) -> Event:
        """Lead number ``lead`` came to be."""
        return Event(
            type=e.LEAD_CREATED,
            account_id=account or self.account,
            subject=f"lead/{lead}",
            source="transformer",
            data={
                "lead": {"id": lead, "external_id": f"MPP-{lead}", "version": 1, "first_name": "Zoë"},
                "fields_changed": ["first_name"],
                "origin": {"kind": "import", "source": "salesforce"},
                "actor": {"user": "key a", "ip_address": "10.0.0.9"},
            },
        )


async def until(condition: Callable[[], Awaitable[bool]], within: float = 15.0) -> None:
    """Wait for a state of the database."""
    async with asyncio.timeout(within):
        while not await condition():  # noqa: ASYNC110 - the state of a database sets no asyncio.Event
            await asyncio.sleep(0.05)


@asynccontextmanager
async def new_world(database_url: str) -> AsyncIterator[World]:
    """An account, and a bus to tell the dispatcher things."""
    async with await open_pool(database_url, None) as pool:
        account = await pool.fetchval("INSERT INTO control.account (name) VALUES ('acme') RETURNING id")
        bus = open_bus(database_url, name="test")
        await bus.connect()
        world = World(database_url, Keyring.generate(), pool, bus, account)
        try:
            yield world
        finally:
            for service in world.services:
                await service.close()
            await bus.close()

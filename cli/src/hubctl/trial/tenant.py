"""An account on a local hub, with a key, and the calls its systems make."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from hub.local.hub import LocalHub
from hub.store.admin import Admin
from hub.vault import Keyring, Vault
from hubctl.provision import NewConnection, announce_connection, create_connection, create_key, create_subscription
from hubctl.session import Target, bus, database
from hubctl.trial.crm import SimulatedCrm
from hubctl.trial.vendors import CALLBACK, SimulatedVendor, grant

EVENTS = ("lead.created", "lead.updated", "enrollment.completed")


def target_of(hub: LocalHub) -> Target:
    """A local hub, for the tools of hubctl's commands."""
    return Target(hub.database_url, hub.bus_url, str(hub.keyring_file), "", hub.url)


class Tenant:
    """One account. ``session`` is authorised and knows the gateway's address: ``tenant.session.get("/api/…")``."""

    def __init__(self, hub: LocalHub, account_id: int, api_key: str, session: aiohttp.ClientSession) -> None:
        self.hub, self.account_id, self.api_key, self.session = hub, account_id, api_key, session
        self.webhook_secret = secrets.token_urlsafe(24)

    async def connect(self, crm: SimulatedCrm, name: str = "CRM", **config: Any) -> int:
        """Connect a CRM; returns the connection's id. Its webhooks are to be signed with ``webhook_secret``."""
        target = target_of(self.hub)
        wish = NewConnection("custom", name, crm.config(**config), crm.api_key, self.webhook_secret)
        async with database(target) as pool, bus(target) as line:
            vault = Vault(pool, Keyring.load(target.keyring_file, ""))
            connection_id = await create_connection(pool, vault, self.account_id, wish)
            await announce_connection(line, self.account_id, connection_id, "custom", "trial")
        return connection_id

    async def consent(self, vendor: SimulatedVendor, connection_id: int | None = None, **config: Any) -> int:
        """Connect a simulated vendor's CRM (anew, if told which) through its consent page; the connection's id."""
        wish: dict[str, Any] = {"crm_type": vendor.vendor.crm_type, "redirect_uri": f"{self.hub.url}{CALLBACK}"}
        wish |= {"config": config} if connection_id is None else {"connection_id": connection_id}
        async with self.session.post("/api/v1/crm/oauth/authorize", json=wish, raise_for_status=True) as answer:
            address = (await answer.json())["authorization_url"]
        async with aiohttp.ClientSession() as browser:
            return int((await grant(browser, address))["connection_id"])

    def webhook_url(self, connection_id: int) -> str:
        """Where a connection's CRM sends its webhooks."""
        return f"{self.hub.url}/api/v1/webhooks/crm/custom/{connection_id}"

    async def subscribe(self, url: str, secret: str, events: Sequence[str] = EVENTS) -> int:
        """Have events delivered to a URL; returns the subscription's id."""
        target = target_of(self.hub)
        async with database(target) as pool:
            vault = Vault(pool, Keyring.load(target.keyring_file, ""))
            return await create_subscription(pool, vault, self.account_id, url, events, secret)

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """A GET's JSON. Raises aiohttp.ClientResponseError for an error status."""
        async with self.session.get(path, params=query, raise_for_status=True) as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def import_leads(self, leads: Sequence[Mapping[str, Any]], source: str = "salesforce") -> str:
        """Import leads (JSON); returns the import's id once they are durable."""
        body = {"source": source, "leads": list(leads)}
        async with self.session.post("/api/v1/external/leads/import", json=body, raise_for_status=True) as answer:
            return str((await answer.json())["import_id"])

    async def finished(self, import_id: str, within: float = 60.0) -> dict[str, Any]:
        """The import's state, once all its records are handled. Raises TimeoutError."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            state = await self.get(f"/api/v1/external/imports/{import_id}")
            if state["state"] in ("completed", "aborted"):
                return state
            await asyncio.sleep(0.1)
        raise TimeoutError(f"import {import_id} is not finished after {within} s")


@asynccontextmanager
async def tenant(hub: LocalHub, name: str, region: str = "US") -> AsyncIterator[Tenant]:
    """A new account with an all-round key."""
    async with database(target_of(hub)) as pool:
        account_id = await Admin(pool).create_account(name, region)
        api_key = await create_key(pool, account_id, "trial", role="admin")
    headers = {"Authorization": f"Bearer {api_key}"}
    async with aiohttp.ClientSession(hub.url, headers=headers) as session:
        yield Tenant(hub, account_id, api_key, session)

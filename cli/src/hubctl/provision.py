"""Accounts, keys, connections and subscriptions made ready for use; the demonstration and tests use these too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from hub.bus.protocol import Publisher
from hub.contracts.cloudevents import Event
from hub.contracts.events import CONNECTION_CONNECTED
from hub.contracts.scopes import ROLES
from hub.store.admin import (
    CREATE_CONNECTION,
    CREATE_SUBSCRIPTION,
    SEAL_CONNECTION,
    SEAL_SUBSCRIPTION,
    Admin,
)
from hub.store.first_reading import EXPECT_READING
from hub.vault import Vault
from hub.vault.api_keys import generate_api_key

SOURCE = "hubctl"


@dataclass(frozen=True, slots=True)
class NewConnection:
    """What a CRM connection is made of. Secrets are sealed before they reach the database."""

    crm_type: str
    name: str
    config: Mapping[str, Any]
    credentials: str
    webhook_secret: str = ""
    webhook_mode: str = "simple"


async def create_key(
    pool: asyncpg.Pool, account: int, name: str, *, role: str = "admin", scopes: Sequence[str] = (), **limits: Any
) -> str:
    """A new API key's text, which is shown this once. ``limits`` are those of ``Admin.create_key``."""
    key = generate_api_key()
    granted = [str(scope) for scope in (scopes or ROLES[role])]
    await Admin(pool).create_key(account, key.id, key.secret_hash, name=name, scopes=granted, **limits)
    return key.text


async def create_connection(pool: asyncpg.Pool, vault: Vault, account: int, wish: NewConnection) -> int:
    """Store a connection with its secrets sealed; returns its id. Leads flow once it is announced."""
    async with pool.acquire() as connection, connection.transaction():
        row = (account, wish.crm_type, wish.name, dict(wish.config), wish.webhook_mode)
        new_id = int(await connection.fetchval(CREATE_CONNECTION, *row))
        await connection.execute(EXPECT_READING, account, new_id)
        credentials = await vault.seal(account, f"connection:{new_id}:credentials", wish.credentials.encode())
        secret = None
        if wish.webhook_secret:
            secret = await vault.seal(account, f"connection:{new_id}:webhook_secret", wish.webhook_secret.encode())
        await connection.execute(SEAL_CONNECTION, new_id, credentials, secret)
    return new_id


async def announce_connection(bus: Publisher, account: int, connection_id: int, crm_type: str, actor: str) -> None:
    """Tell the services that leads may flow. Repeating it is harmless: what is in the CRM stays as it is."""
    data = {"connection_id": connection_id, "crm_type": crm_type, "actor": {"user": actor}}
    subject = f"connection/{connection_id}"
    await bus.publish(Event(type=CONNECTION_CONNECTED, account_id=account, subject=subject, data=data, source=SOURCE))


async def create_subscription(
    pool: asyncpg.Pool, vault: Vault, account: int, url: str, events: Sequence[str], secret: str
) -> int:
    """Subscribe a URL to events; returns the subscription's id."""
    async with pool.acquire() as connection, connection.transaction():
        new_id = int(await connection.fetchval(CREATE_SUBSCRIPTION, account, url, list(events)))
        sealed = await vault.seal(account, f"subscription:{new_id}:secret", secret.encode())
        await connection.execute(SEAL_SUBSCRIPTION, new_id, sealed)
    return new_id

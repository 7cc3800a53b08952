"""A connection made usable: its connector's client, mapping and retry policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from hub.contracts.connector import ClientSettings, Connector, CrmClient, FieldMap
from hub.contracts.errors import HubError
from hub.contracts.grants import FixedToken
from hub.contracts.metering import Priority
from hub.registry import CONNECTORS
from hub.vault import Vault
from hub.vault.vault import Unreadable
from sync_worker.adapters import queries
from sync_worker.adapters.targets import Place
from sync_worker.domain.policy import RetryPolicy, read_policy


class Unusable(Exception):
    """The connection cannot be worked: gone, not connected, or its configuration or credentials cannot be read."""

    def __init__(self, reason: str, changed_at: datetime | None) -> None:
        self.changed_at = changed_at  # of the connection's row: when that changes, it may be usable
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Line:
    """One connection's line to its CRM."""

    place: Place
    crm_type: str
    connector: Connector
    client: CrmClient
    mapping: FieldMap
    policy: RetryPolicy
    config: Mapping[str, Any]
    changed_at: datetime  # of the connection's row: a different one asks for a new line


class Lines:
    """Opens lines, and marks connections whose key was refused."""

    def __init__(self, pool: asyncpg.Pool, vault: Vault, egress_allow: str, connections: int, timeout: float) -> None:
        self._pool = pool
        self._vault = vault
        self._allow = tuple(part.strip() for part in egress_allow.split(",") if part.strip())
        self._connections, self._timeout = connections, timeout

    async def open(self, place: Place, priority: Priority = Priority.LIVE) -> Line:
        """The line of a connection, for work of that priority. Raises Unusable with the reason."""
        row = await self._pool.fetchrow(queries.CONNECTION, place.account_id, place.connection_id)
        if row is None:
            raise Unusable("there is no such connection", None)
        if row["status"] != "connected":
            raise Unusable(f"the connection is {row['status']}", row["updated_at"])
        connector = CONNECTORS.get(row["crm_type"])
        if connector is None:
            raise Unusable(f"there is no connector for {row['crm_type']}", row["updated_at"])
        settings = ClientSettings(
            config=row["config"],
            tokens=FixedToken((await self._credentials(place, row)).decode().strip()),
            egress_allow=self._allow,
            connections=self._connections,
            timeout=self._timeout,
        )
        try:
            mapping, client = connector.mapping(row["config"]), connector.client(settings)
        except (HubError, ValueError) as error:
            raise Unusable(f"the configuration cannot be used: {error}", row["updated_at"]) from error
        policy = read_policy(row["config"])
        return Line(place, row["crm_type"], connector, client, mapping, policy, row["config"], row["updated_at"])

    async def refuse(self, line: Line) -> None:
        """The CRM refuses the credentials: needs_reauth, unless they were changed since the line was opened."""
        key = (line.place.account_id, line.place.connection_id)
        await self._pool.execute(queries.NEEDS_REAUTH, *key, line.changed_at)

    async def _credentials(self, place: Place, row: asyncpg.Record) -> bytes:
        if row["credentials"] is None:
            raise Unusable("there are no credentials", row["updated_at"])
        name = f"connection:{place.connection_id}:credentials"
        try:
            return await self._vault.open(place.account_id, name, row["credentials"])
        except Unreadable as error:
            raise Unusable(f"the credentials cannot be read: {error}", row["updated_at"]) from error

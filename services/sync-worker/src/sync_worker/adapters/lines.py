"""A connection made usable: its connector's client, mapping, options and retry policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from hub.contracts.connector import ClientSettings, Connector, CrmClient, FieldMap
from hub.contracts.errors import HubError
from hub.contracts.grants import FixedToken, Tokens
from hub.contracts.metering import Meter, Priority, Unmetered
from hub.grants import OAuthApps
from hub.grants.tokens import GrantTokens, OAuthParts, credentials_name
from hub.registry import CONNECTORS
from hub.vault.vault import Unreadable
from sync_worker.adapters import queries
from sync_worker.adapters.budgets import Budgets
from sync_worker.adapters.meter import SharedMeter
from sync_worker.adapters.targets import Place
from sync_worker.domain.options import Options, read_options
from sync_worker.domain.policy import RetryPolicy, read_policy
from sync_worker.settings import SyncWorkerSettings


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
    config: Mapping[str, Any]
    policy: RetryPolicy
    options: Options
    quota: SharedMeter | None
    changed_at: datetime  # of the connection's row: a different one asks for a new line


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How clients call: sockets, and seconds for one call that carries one record, or a batch."""

    connections: int
    single: float
    batch: float
    egress_allow: str

    @staticmethod
    def of(settings: SyncWorkerSettings) -> "CallLimits":
        """From the settings."""
        return CallLimits(
            settings.sync_concurrency, settings.sync_call_seconds, settings.sync_batch_seconds, settings.egress_allow
        )

    def seconds(self, connector: Connector) -> float:
        """For the connector's calls."""
        return self.single if connector.manifest.push_batch == 1 else max(self.single, self.batch)


class Lines:
    """Opens lines, and marks connections whose key was refused. What lines of a connection share is kept here."""

    def __init__(self, parts: OAuthParts, apps: OAuthApps, limits: CallLimits) -> None:
        self._pool, self._vault, self._parts = parts.pool, parts.vault, parts
        self._apps, self._limits = apps, limits
        self._allow = tuple(part.strip() for part in limits.egress_allow.split(",") if part.strip())
        self._tokens: dict[Place, GrantTokens] = {}
        self._quota: dict[Place, tuple[datetime, SharedMeter]] = {}

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
        options = read_options(row["config"])
        tokens = await self._tokens_of(place, row, connector)
        try:
            mapping = connector.mapping(row["config"])
            quota = await self._quota_of(place, row, connector, options)
            meter: Meter = quota.at(priority) if quota else Unmetered()
            client = connector.client(
                ClientSettings(
                    config=row["config"],
                    tokens=tokens,
                    app=self._apps.of(row["crm_type"]),
                    meter=meter,
                    egress_allow=self._allow,
                    connections=self._limits.connections,
                    timeout=self._limits.seconds(connector),
                )
            )
        except (HubError, ValueError) as error:
            raise Unusable(f"the configuration cannot be used: {error}", row["updated_at"]) from error
        return Line(
            place,
            row["crm_type"],
            connector,
            client,
            mapping,
            row["config"],
            read_policy(row["config"]),
            options,
            quota,
            row["updated_at"],
        )

    async def spent(self, place: Place, units: Mapping[str, int]) -> None:
        """Somebody else made calls, just now: they count in the connection's quota. ``units`` by window."""
        if not units:
            return
        row = await self._pool.fetchrow(queries.CONNECTION, place.account_id, place.connection_id)
        connector = CONNECTORS.get(row["crm_type"]) if row else None
        if row is None or connector is None:
            return
        try:
            quota = await self._quota_of(place, row, connector, read_options(row["config"]))
        except (HubError, ValueError):
            return  # whoever opens the line is told what is wrong with the configuration
        if quota:
            await quota.spent(units)

    async def refuse(self, line: Line, reason: str = "the CRM refuses the credentials") -> None:
        """The CRM refuses the credentials: needs_reauth, unless they were changed since the line was opened."""
        key = (line.place.account_id, line.place.connection_id)
        await self._pool.execute(queries.NEEDS_REAUTH, *key, line.changed_at, reason)

    async def close(self) -> None:
        """Finish refreshes that are under way, and settle accounts with the quota."""
        for tokens in self._tokens.values():
            await tokens.close()
        for _, quota in self._quota.values():
            await quota.close()

    async def _tokens_of(self, place: Place, row: asyncpg.Record, connector: Connector) -> Tokens:
        if row["auth_type"] != "oauth2":
            return FixedToken((await self._credentials(place, row)).decode().strip())
        app = self._apps.of(row["crm_type"])
        if connector.oauth is None or app is None:
            raise Unusable(f"{row['crm_type']} has no OAuth", row["updated_at"])
        if row["credentials"] is None:
            raise Unusable("there are no credentials", row["updated_at"])
        tokens = self._tokens.get(place)
        if tokens is None:
            tokens = self._tokens[place] = GrantTokens(
                place.account_id, place.connection_id, connector.oauth, app, self._parts
            )
        tokens.seen(row["grant_version"])
        return tokens

    async def _quota_of(
        self, place: Place, row: asyncpg.Record, connector: Connector, options: Options
    ) -> SharedMeter | None:
        changed_at, quota = self._quota.get(place, (None, None))
        if quota is not None and changed_at == row["updated_at"]:
            return quota
        if quota is not None:
            await quota.close()
        self._quota.pop(place, None)
        windows = connector.limits(row["config"])
        if not windows:
            return None
        quota = SharedMeter(Budgets(self._pool, place), windows, options.quota_reserve)
        self._quota[place] = (row["updated_at"], quota)
        return quota

    async def _credentials(self, place: Place, row: asyncpg.Record) -> bytes:
        if row["credentials"] is None:
            raise Unusable("there are no credentials", row["updated_at"])
        try:
            return await self._vault.open(place.account_id, credentials_name(place.connection_id), row["credentials"])
        except Unreadable as error:
            raise Unusable(f"the credentials cannot be read: {error}", row["updated_at"]) from error

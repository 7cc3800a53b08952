"""What webhooks of CRM connections are checked against, decrypted, in memory: the webhook route asks no database."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import structlog

from gateway.adapters import queries
from gateway.adapters.database import Database
from gateway.domain.access import Network
from gateway.domain.networks import parse_networks
from hub.contracts.errors import Unavailable
from hub.contracts.webhooks import WebhookTrust
from hub.vault import Vault
from hub.vault.vault import Unreadable

_log = structlog.get_logger()
_OVERLAP = timedelta(minutes=2)
_FULL_LOAD_SECONDS = 60.0
_ASKED_SECONDS = 2.0  # a webhook waits no longer than that
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Webhooks:
    """What receiving a connection's webhooks takes."""

    id: int
    account_id: int
    crm_type: str
    trust: WebhookTrust
    allowed_ips: tuple[Network, ...]
    allowed_ips_broken: bool = False  # a list that cannot be read allows nobody


class ConnectionCache:
    """Connections that receive webhooks, by id, by CRM, and by the CRM's name for the customer.

    ``app_secrets``: by CRM, what webhooks to the vendor's app are signed with; it serves connections too that have no
    secret of their own.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        stale_seconds: float,
        clock: Callable[[], float],
        app_secrets: Mapping[str, bytes],
        spacing_seconds: float = 0.5,
    ) -> None:
        self._database = database
        self._vault = vault
        self._stale_seconds = stale_seconds
        self._clock = clock
        self._spacing = spacing_seconds
        self._reading = asyncio.Lock()
        self._asked: asyncio.Task[None] | None = None  # the refresh that callers of ``newer`` wait for, not begun yet
        self._asked_at = -spacing_seconds
        self._by_id: dict[int, Webhooks] = {}
        self._sealed: dict[int, bytes] = {}
        self._by_type: dict[str, tuple[Webhooks, ...]] = {}
        self._by_tenant: dict[tuple[str, str], list[Webhooks]] = {}
        self._app_secrets = app_secrets
        self._app_trusts = {crm_type: WebhookTrust("simple", secret) for crm_type, secret in app_secrets.items()}
        self._since = _BEGINNING
        self._loaded_at: float | None = None
        self._full_at = 0.0

    def get(self, connection_id: int) -> Webhooks | None:
        """The connection with that id. Raises Unavailable when what is known is too old."""
        self._check_age()
        return self._by_id.get(connection_id)

    def of_type(self, crm_type: str) -> Sequence[Webhooks]:
        """All connections of one CRM. Raises Unavailable when what is known is too old."""
        self._check_age()
        return self._by_type.get(crm_type, ())

    def of_tenant(self, crm_type: str, tenant: str) -> Sequence[Webhooks]:
        """Connections to that customer of the CRM. Raises Unavailable when what is known is too old."""
        self._check_age()
        return self._by_tenant.get((crm_type, tenant), ())

    def app_trust(self, crm_type: str) -> WebhookTrust | None:
        """What webhooks to the hub's app at the vendor are checked against."""
        return self._app_trusts.get(crm_type)

    def _check_age(self) -> None:
        if self._loaded_at is None or self._clock() - self._loaded_at > self._stale_seconds:
            raise Unavailable("CRM connections could not be read; try again", retry_after=2)

    async def keep_fresh(self, seconds: float) -> None:
        """Read changes every few seconds, for ever; everything once a minute, so that deleted rows go too."""
        while True:
            try:
                await self.refresh()
            except (Unavailable, asyncpg.PostgresError) as error:
                _log.warning("connections.refresh_failed", error=str(error))
            await asyncio.sleep(seconds)

    async def newer(self) -> None:
        """Wait for a refresh that begins after this call; if it fails, what is known stays.

        However many ask, and whatever they send, the database is asked at most every half second.
        """
        if self._asked is None:
            self._asked = asyncio.create_task(self._refresh_when_due())
        await asyncio.shield(self._asked)  # others wait for it too

    async def _refresh_when_due(self) -> None:
        await asyncio.sleep(max(0.0, self._asked_at + self._spacing - self._clock()))
        self._asked, self._asked_at = None, self._clock()
        try:
            async with asyncio.timeout(_ASKED_SECONDS):
                await self.refresh()
        except (Unavailable, asyncpg.PostgresError, TimeoutError) as error:
            _log.warning("connections.refresh_failed", error=str(error))

    async def refresh(self) -> None:
        """Read what changed. Raises Unavailable."""
        async with self._reading:  # an older answer must not overwrite a newer one
            await self._refresh()

    async def _refresh(self) -> None:
        started = self._clock()
        full = self._loaded_at is None or started - self._full_at > _FULL_LOAD_SECONDS
        async with self._database.control() as connection:
            rows = await connection.fetch(queries.CHANGED_CONNECTIONS, _BEGINNING if full else self._since - _OVERLAP)
        if full:
            gone = self._by_id.keys() - {row["id"] for row in rows}
            for connection_id in gone:
                del self._by_id[connection_id]
            self._full_at = started
        changed = [await self._take(row) for row in rows]
        if full or any(changed):
            self._index()
        self._since = max([self._since, *(row["updated_at"] for row in rows)])
        self._loaded_at = started

    async def _take(self, row: asyncpg.Record) -> bool:
        old = self._by_id.get(row["id"])
        new = await self._open(row, old)
        if new is None:
            return self._by_id.pop(row["id"], None) is not None
        self._by_id[new.id] = new
        return new != old

    async def _open(self, row: asyncpg.Record, old: Webhooks | None) -> Webhooks | None:
        if row["status"] == "disconnected":
            return None
        secret = await self._secret(row, old)
        if secret is None:
            return None
        networks, broken = _allowed(row["config"])
        trust = WebhookTrust(row["webhook_mode"], secret, row["config"], row["tenant"])
        return Webhooks(row["id"], row["account_id"], row["crm_type"], trust, networks, allowed_ips_broken=broken)

    async def _secret(self, row: asyncpg.Record, old: Webhooks | None) -> bytes | None:
        sealed: bytes | None = row["webhook_secret"]
        if sealed is None:
            return self._app_secrets.get(row["crm_type"])
        if old is not None and self._sealed.get(old.id) == sealed:
            return old.trust.secret
        try:
            secret = await self._vault.open(row["account_id"], f"connection:{row['id']}:webhook_secret", sealed)
        except Unreadable as error:
            _log.error("connections.secret_unreadable", connection_id=row["id"], error=str(error))
            return None
        self._sealed[row["id"]] = sealed
        return secret

    def _index(self) -> None:
        by_type: dict[str, list[Webhooks]] = {}
        for connection in sorted(self._by_id.values(), key=lambda each: each.id):
            by_type.setdefault(connection.crm_type, []).append(connection)
        self._by_type = {crm_type: tuple(connections) for crm_type, connections in by_type.items()}
        by_tenant: dict[tuple[str, str], list[Webhooks]] = {}
        for connection in self._by_id.values():
            if connection.trust.tenant is not None:
                by_tenant.setdefault((connection.crm_type, connection.trust.tenant), []).append(connection)
        self._by_tenant = by_tenant


def _allowed(config: Any) -> tuple[tuple[Network, ...], bool]:
    listed = config.get("allowed_ips") if isinstance(config, dict) else None
    if not listed:
        return (), False
    try:
        return parse_networks(listed), False
    except (ValueError, TypeError):
        return (), True

"""CRM connections in the database. Secrets go in sealed; they come out for a call to the CRM only."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg

from gateway.adapters import queries_connections as q
from gateway.adapters import queries_runs
from gateway.adapters.database import Connection, Database
from gateway.domain.connecting import NewConnection, free_name
from hub.contracts.errors import Conflict
from hub.contracts.schedule import next_run
from hub.store.first_reading import EXPECT_READING
from hub.vault import Vault

LIVING = ("pending", "connected", "paused", "needs_reauth")
_NAME_TAKEN = "The account has a connection of that name already"


@dataclass(frozen=True, slots=True)
class Stored:
    """A connection's row. ``credentials`` are sealed."""

    id: int
    account_id: int
    crm_type: str
    name: str
    auth_type: str
    status: str
    status_reason: str | None
    config: dict[str, Any]
    tenant: str | None
    credentials: bytes | None = field(repr=False)
    webhook_mode: str
    webhooks: bool
    grant_version: int
    updated_at: datetime


class Crms:
    """For one account at a time."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    async def add(self, account_id: int, new: NewConnection, *, name_is_a_wish: bool = False) -> int:
        """Store a connection; its id. With ``name_is_a_wish`` a number is put behind a name that is taken.

        Raises Conflict when the name is taken.
        """
        async with self._database.account(account_id) as connection:
            name = new.name
            if name_is_a_wish:
                rows = await connection.fetch(q.NAMES_LIKE, account_id, name)
                name = free_name(name, (row["name"] for row in rows))
            columns = (new.crm_type, name, new.auth_type, dict(new.config), new.webhook_mode, new.tenant)
            added: int | None = await connection.fetchval(q.ADD_CONNECTION, account_id, *columns)
            if added is None:
                raise Conflict(_NAME_TAKEN, code="NAME_TAKEN", field="name")
            await connection.execute(EXPECT_READING, account_id, added)
            await self._seal(connection, account_id, added, new)
            await self._seal_webhook_secret(connection, account_id, added, new.webhook_secret)
        return added

    async def renew(self, account_id: int, connection_id: int, new: NewConnection) -> None:
        """Put new credentials, and what the CRM said to them, in the place of the old."""
        async with self._database.account(account_id) as connection:
            await self._seal(connection, account_id, connection_id, new)

    async def name_taken(self, account_id: int, name: str) -> bool:
        """Whether the account has a connection of that name, disconnected ones included."""
        async with self._database.control() as connection:
            return await connection.fetchval(q.NAME_TAKEN, account_id, name) is not None

    async def find(self, account_id: int, connection_id: int) -> Stored | None:
        """The connection's row."""
        async with self._database.control() as connection:
            row = await connection.fetchrow(q.CONNECTION_ROW, account_id, connection_id)
        return Stored(**row) if row else None

    async def of_tenant(self, account_id: int, crm_type: str, tenant: str) -> Stored | None:
        """The connection that the account has with that customer of the CRM."""
        async with self._database.control() as connection:
            found: int | None = await connection.fetchval(q.BY_TENANT, account_id, crm_type, tenant)
        return await self.find(account_id, found) if found is not None else None

    async def open_credentials(self, stored: Stored) -> bytes | None:
        """The key or grant in the clear; None when there is none. Raises Unreadable."""
        if stored.credentials is None:
            return None
        return await self._vault.open(stored.account_id, _place(stored.id), stored.credentials)

    async def set_status(
        self, account_id: int, connection_id: int, status: str, *, only: tuple[str, ...], reason: str | None = None
    ) -> bool:
        """Change the status if it is one of ``only``; whether it was."""
        async with self._database.control() as connection:
            row = await connection.fetchval(q.SET_STATUS, account_id, connection_id, status, reason, list(only))
        return row is not None

    async def checked(self, account_id: int, connection_id: int, tenant: str | None) -> None:
        """The CRM accepted the credentials just now."""
        async with self._database.control() as connection:
            await connection.execute(q.CHECKED, account_id, connection_id, tenant)

    async def change(self, stored: Stored, name: str, config: dict[str, Any], webhook_mode: str) -> bool:
        """Change what is not secret; False when somebody else changed it meanwhile. Raises Conflict: the name."""
        try:
            async with self._database.account(stored.account_id) as connection:
                key = (stored.account_id, stored.id)
                row = await connection.fetchval(
                    q.CHANGE_CONNECTION, *key, name, config, webhook_mode, stored.updated_at
                )
                if row is None:
                    return False
                schedule = config.get("schedule", "hourly")
                if schedule != stored.config.get("schedule", "hourly"):
                    when = next_run(schedule, datetime.now(UTC))
                    await connection.execute(q.CHANGE_SCHEDULE, *key, schedule, when)
        except asyncpg.UniqueViolationError:
            raise Conflict(_NAME_TAKEN, code="NAME_TAKEN", field="name") from None
        return True

    async def new_webhook_secret(self, account_id: int, connection_id: int, secret: str) -> None:
        """From now on the connection's webhooks are checked with this one."""
        async with self._database.account(account_id) as connection:
            await self._seal_webhook_secret(connection, account_id, connection_id, secret)

    async def cut_off(self, account_id: int, connection_id: int) -> None:
        """Disconnected: nothing is read or written any more. The credentials are still there, to be revoked."""
        async with self._database.account(account_id) as connection:
            await connection.execute(
                q.SET_STATUS, account_id, connection_id, "disconnected", None, [*LIVING, "disconnected"]
            )
            await connection.execute(q.STOP_STREAM, account_id, connection_id)
            await connection.execute(queries_runs.CANCEL_ACTIVE, account_id, connection_id)

    async def erase(self, account_id: int, connection_id: int) -> None:
        """Forget a disconnected connection's secrets."""
        async with self._database.control() as connection:
            await connection.execute(q.ERASE_CREDENTIALS, account_id, connection_id)

    async def left_pending(self, seconds: float) -> list[tuple[int, int, str]]:
        """(account, id, CRM) of connections of all accounts that were stored and not announced, for so long."""
        async with self._database.control() as connection:
            rows = await connection.fetch(q.LEFT_PENDING, seconds)
        return [(row["account_id"], row["id"], row["crm_type"]) for row in rows]

    async def heard(self, moments: dict[int, float]) -> None:
        """When each connection's last webhook came (Unix seconds)."""
        times = [datetime.fromtimestamp(moment, UTC) for moment in moments.values()]
        async with self._database.control() as connection:
            await connection.execute(q.HEARD, list(moments), times)

    async def _seal(self, connection: Connection, account_id: int, connection_id: int, new: NewConnection) -> None:
        sealed = await self._vault.seal(account_id, _place(connection_id), new.credentials)
        facts = (new.status, new.status_reason, new.tenant, new.accepted)
        await connection.execute(q.SEAL_CREDENTIALS, account_id, connection_id, sealed, *facts)

    async def _seal_webhook_secret(
        self, connection: Connection, account_id: int, connection_id: int, secret: str
    ) -> None:
        place = f"connection:{connection_id}:webhook_secret"
        sealed = await self._vault.seal(account_id, place, secret.encode())
        await connection.execute(q.SEAL_WEBHOOK, account_id, connection_id, sealed)


def _place(connection_id: int) -> str:
    return f"connection:{connection_id}:credentials"

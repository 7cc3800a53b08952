"""Subscriptions to outgoing webhooks and the log of their deliveries."""

from typing import Any
from uuid import UUID

from gateway.adapters import queries
from gateway.adapters.database import Database
from hub.contracts.errors import Conflict
from hub.contracts.ids import rfc3339
from hub.vault import Vault

MOST_SUBSCRIPTIONS = 100


class Subscriptions:
    """What the webhook-dispatcher delivers to. Secrets go in sealed and never come out here."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def add(self, account_id: int, webhook_url: str, events: list[str], secret: str) -> dict[str, Any]:
        """Subscribe a URL. Raises Conflict beyond the most that an account may have."""
        async with self._database.account(account_id) as connection:
            if await connection.fetchval(queries.COUNT_SUBSCRIPTIONS, account_id) >= MOST_SUBSCRIPTIONS:
                raise Conflict("The account has too many subscriptions", code="LIMIT_REACHED", limit=MOST_SUBSCRIPTIONS)
            row = await connection.fetchrow(queries.ADD_SUBSCRIPTION, account_id, webhook_url, events)
            assert row is not None
            sealed = await self._vault.seal(account_id, f"subscription:{row['id']}:secret", secret.encode())
            await connection.execute(queries.SEAL_SUBSCRIPTION, account_id, row["id"], sealed)
        return {
            "id": row["id"],
            "webhook_url": webhook_url,
            "events": events,
            "status": "active",
            "paused_reason": None,
            "created_at": rfc3339(row["created_at"]),
        }

    async def all(self, account_id: int) -> list[dict[str, Any]]:
        """All that are not deleted."""
        async with self._database.account(account_id) as connection:
            rows = await connection.fetch(queries.SUBSCRIPTIONS, account_id)
        return [{**row, "created_at": rfc3339(row["created_at"])} for row in rows]

    async def delete(self, account_id: int, subscription_id: int) -> bool:
        """Stop delivering; False when there is none."""
        async with self._database.account(account_id) as connection:
            return await connection.fetchval(queries.DELETE_SUBSCRIPTION, account_id, subscription_id) is not None

    async def deliveries(
        self, account_id: int, subscription_id: int, before: UUID | None, state: str | None, limit: int
    ) -> list[dict[str, Any]] | None:
        """Deliveries, newest event first, each with its attempts; None when there is no such subscription."""
        async with self._database.account(account_id) as connection:
            if not await connection.fetchval(queries.SUBSCRIPTION_EXISTS, account_id, subscription_id):
                return None
            rows = await connection.fetch(queries.DELIVERIES, account_id, subscription_id, before, state, limit)
        moments = ("next_attempt_at", "created_at", "delivered_at")
        return [{**row, **{name: rfc3339(row[name]) if row[name] else None for name in moments}} for row in rows]

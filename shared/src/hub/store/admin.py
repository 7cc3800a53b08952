"""What an operator does to the hub's tables, in the role ``hub_admin``: each statement once, named."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

# ------------------------------------------------------------------------------------- accounts and keys
CREATE_ACCOUNT = "INSERT INTO control.account (name, default_region) VALUES ($1, $2) RETURNING id"
FIND_ACCOUNT = "SELECT id FROM control.account WHERE name = $1 OR id::text = $1"
LIST_ACCOUNTS = """
    SELECT a.id, a.name, a.default_region, a.created_at,
           (SELECT count(*) FROM control.api_key k WHERE k.account_id = a.id AND k.revoked_at IS NULL) AS keys,
           (SELECT count(*) FROM control.connection c WHERE c.account_id = a.id) AS connections
    FROM control.account a ORDER BY a.id"""
CREATE_KEY = """
    INSERT INTO control.api_key (account_id, id, name, secret_hash, scopes, allowed_ips, rate_per_minute, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6::text[]::cidr[], $7, $8)"""
LIST_KEYS = """
    SELECT k.id, a.name AS account, k.name, k.scopes, k.allowed_ips::text[] AS allowed_ips, k.rate_per_minute,
           k.created_at, k.expires_at, k.revoked_at
    FROM control.api_key k JOIN control.account a ON a.id = k.account_id
    WHERE $1::bigint IS NULL OR k.account_id = $1 ORDER BY k.created_at"""
REVOKE_KEY = "UPDATE control.api_key SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING name"

# ------------------------------------------------------------------------------------------- connections
# Secrets are sealed for the row's id, so the row is made first and filled within the same transaction.
CREATE_CONNECTION = """
    INSERT INTO control.connection (account_id, crm_type, name, config, webhook_mode)
    VALUES ($1, $2, $3, $4, $5) RETURNING id"""
SEAL_CONNECTION = "UPDATE control.connection SET credentials = $2, webhook_secret = $3 WHERE id = $1"
LIST_CONNECTIONS = """
    SELECT c.id, a.name AS account, c.crm_type, c.name, c.status, c.webhook_mode, c.config,
           count(t.*) FILTER (WHERE t.state = 'due') AS due,
           count(t.*) FILTER (WHERE t.state = 'failed') AS failed,
           count(t.*) FILTER (WHERE t.state = 'in_sync') AS in_sync
    FROM control.connection c
    JOIN control.account a ON a.id = c.account_id
    LEFT JOIN sync.target t ON t.account_id = c.account_id AND t.connection_id = c.id
    WHERE $1::bigint IS NULL OR c.account_id = $1
    GROUP BY c.account_id, c.id, a.name ORDER BY c.id"""
SET_CONNECTION_STATUS = """
    UPDATE control.connection SET status = $2, status_reason = NULL, updated_at = now() WHERE id = $1
    RETURNING account_id, crm_type, name"""

# ----------------------------------------------------------------------------------------- subscriptions
CREATE_SUBSCRIPTION = """
    INSERT INTO webhooks.subscription (account_id, webhook_url, events, secret) VALUES ($1, $2, $3, '') RETURNING id"""
SEAL_SUBSCRIPTION = "UPDATE webhooks.subscription SET secret = $2 WHERE id = $1"
LIST_SUBSCRIPTIONS = """
    SELECT s.id, a.name AS account, s.webhook_url, s.events, s.status, s.created_at,
           count(d.*) FILTER (WHERE d.state = 'due') AS due,
           count(d.*) FILTER (WHERE d.state = 'failed') AS failed,
           count(d.*) FILTER (WHERE d.state = 'delivered') AS delivered
    FROM webhooks.subscription s
    JOIN control.account a ON a.id = s.account_id
    LEFT JOIN webhooks.delivery d ON d.account_id = s.account_id AND d.subscription_id = s.id
    WHERE ($1::bigint IS NULL OR s.account_id = $1) AND s.status <> 'deleted'
    GROUP BY s.account_id, s.id, a.name ORDER BY s.id"""

# -------------------------------------------------------------------------------------- failed pushes
LIST_FAILED_TARGETS = """
    SELECT t.account_id, t.connection_id, c.name AS connection, t.lead_id, t.external_id, t.attempts, t.last_error,
           t.desired_version, t.desired_at
    FROM sync.target t JOIN control.connection c ON c.account_id = t.account_id AND c.id = t.connection_id
    WHERE t.state = 'failed' AND ($1::bigint IS NULL OR t.connection_id = $1)
    ORDER BY t.account_id, t.connection_id, t.lead_id LIMIT $2"""
# A fresh start: attempts from zero, due now. ``intent`` stays, so that an unknown outcome is looked up, not repeated.
REDRIVE_TARGETS = """
    UPDATE sync.target SET state = 'due', attempts = 0, next_attempt_at = now(), claim = NULL, claimed_until = NULL
    WHERE state = 'failed' AND ($1::bigint IS NULL OR connection_id = $1)
      AND ($2::bigint[] IS NULL OR lead_id = ANY ($2))"""

# ---------------------------------------------------------------------------------- failed webhook deliveries
LIST_FAILED_DELIVERIES = """
    SELECT d.account_id, d.subscription_id, d.event_id::text AS event_id, p.event, d.attempts, d.last_status,
           d.last_error, d.created_at
    FROM webhooks.delivery d LEFT JOIN webhooks.payload p ON p.account_id = d.account_id AND p.event_id = d.event_id
    WHERE d.state = 'failed' AND ($1::bigint IS NULL OR d.subscription_id = $1)
    ORDER BY d.created_at LIMIT $2"""
# The retry schedule starts again; ``attempts`` goes on, because it numbers the delivery log.
REDRIVE_DELIVERIES = """
    UPDATE webhooks.delivery SET state = 'due', step = 0, next_attempt_at = now(), claim = NULL, claimed_until = NULL
    WHERE state = 'failed' AND ($1::bigint IS NULL OR subscription_id = $1)"""
# What became due while it was paused is delivered when it is resumed.
SET_SUBSCRIPTION_STATUS = """
    UPDATE webhooks.subscription SET status = $2, paused_reason = NULL WHERE id = $1 AND status <> 'deleted'
    RETURNING account_id, webhook_url"""

# ------------------------------------------------------------------------------------------------ overview
OVERVIEW = """
    SELECT (SELECT count(*) FROM control.account) AS accounts,
           (SELECT count(*) FROM leads.lead) AS leads,
           (SELECT count(*) FROM leads.outbox) AS lead_outbox,
           (SELECT count(*) FROM sync.outbox) AS sync_outbox,
           least((SELECT min(created_at) FROM leads.outbox),
                 (SELECT min(created_at) FROM sync.outbox)) AS outbox_oldest,
           (SELECT count(*) FROM sync.target WHERE state = 'due') AS pushes_due,
           (SELECT min(desired_at) FROM sync.target WHERE state = 'due') AS pushes_oldest,
           (SELECT count(*) FROM sync.target WHERE state = 'failed') AS pushes_failed,
           (SELECT count(*) FROM webhooks.delivery WHERE state = 'due') AS deliveries_due,
           (SELECT min(created_at) FROM webhooks.delivery WHERE state = 'due') AS deliveries_oldest,
           (SELECT count(*) FROM webhooks.delivery WHERE state = 'failed') AS deliveries_failed,
           (SELECT count(*) FROM control.connection WHERE status = 'needs_reauth') AS needs_reauth,
           (SELECT count(*) FROM control.import WHERE state = 'receiving') AS imports_receiving"""


class Admin:
    """An operator's view of the database. Lists are asyncpg records with the columns of their statement."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def create_account(self, name: str, region: str) -> int:
        """A new account's id. asyncpg.UniqueViolationError when the name is taken."""
        return int(await self._pool.fetchval(CREATE_ACCOUNT, name, region))

    async def find_account(self, name_or_id: str) -> int | None:
        """The id of the account of that name, or with that id."""
        found: int | None = await self._pool.fetchval(FIND_ACCOUNT, name_or_id)
        return found

    async def list(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """The rows of one of the ``LIST_`` statements."""
        return list(await self._pool.fetch(statement, *arguments))

    async def create_key(
        self,
        account_id: int,
        key_id: str,
        secret_hash: bytes,
        *,
        name: str,
        scopes: Sequence[str],
        allowed_ips: Sequence[str] = (),
        rate_per_minute: int | None = None,
        expires_at: datetime | None = None,
    ) -> None:
        """Store a key's hash. ``allowed_ips`` are networks (CIDR); none means from anywhere."""
        limits = (list(allowed_ips), rate_per_minute, expires_at)
        await self._pool.execute(CREATE_KEY, account_id, key_id, name, secret_hash, list(scopes), *limits)

    async def revoke_key(self, key_id: str) -> str | None:
        """End a key at once (services notice within seconds); its name, or None when there is none such."""
        name: str | None = await self._pool.fetchval(REVOKE_KEY, key_id)
        return name

    async def set_connection_status(self, connection_id: int, status: str) -> asyncpg.Record | None:
        """Pause or resume; the row's account_id, crm_type and name, or None when there is none such."""
        return await self._pool.fetchrow(SET_CONNECTION_STATUS, connection_id, status)

    async def redrive_targets(self, connection_id: int | None, lead_ids: Sequence[int] | None) -> int:
        """Make failed pushes (all, of a connection, of some leads) due again; how many."""
        done = await self._pool.execute(REDRIVE_TARGETS, connection_id, list(lead_ids) if lead_ids else None)
        return int(done.split()[-1])

    async def redrive_deliveries(self, subscription_id: int | None) -> int:
        """Make failed webhook deliveries (all, or of a subscription) due again; how many."""
        return int((await self._pool.execute(REDRIVE_DELIVERIES, subscription_id)).split()[-1])

    async def set_subscription_status(self, subscription_id: int, status: str) -> asyncpg.Record | None:
        """Pause or resume; the row's account_id and webhook_url, or None when there is none such."""
        return await self._pool.fetchrow(SET_SUBSCRIPTION_STATUS, subscription_id, status)

    async def overview(self) -> Mapping[str, Any]:
        """Counts and ages of what waits and what failed."""
        row = await self._pool.fetchrow(OVERVIEW)
        assert row
        return dict(row)

"""What the hub's tables say about the demonstration's account."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

_ACCOUNT = """
    SELECT (SELECT count(*) FROM leads.lead WHERE account_id = $1) AS leads,
           (SELECT count(*) FROM leads.history WHERE account_id = $1) AS versions,
           (SELECT count(*) FROM leads.history
            WHERE account_id = $1 AND source LIKE 'crm/%' AND version = 1) AS crm_new,
           (SELECT count(*) FROM leads.import_issue WHERE account_id = $1 AND severity = 'warning') AS warnings,
           (SELECT count(*) FROM audit.entry WHERE account_id = $1) AS audited"""

# Of each connection that is there: what this run read, what was ever written, and how its leads stand.
_CONNECTIONS = """
    SELECT c.id, c.status, c.status_reason, coalesce(runs.read, 0)::bigint AS read, coalesce(runs.busy, false) AS busy,
           coalesce(daily.pushed, 0)::bigint AS written, coalesce(heard.changes, 0)::bigint AS changes,
           coalesce(heard.new, 0)::bigint AS new, t.due, t.failed, t.in_sync
    FROM control.connection c
    LEFT JOIN LATERAL (
        SELECT sum(records) FILTER (WHERE created_at >= $2) AS read,
               bool_or(state IN ('queued', 'running')) AS busy
        FROM sync.run r WHERE (r.account_id, r.connection_id) = (c.account_id, c.id)) runs ON true
    LEFT JOIN LATERAL (
        SELECT sum(pushed) AS pushed FROM sync.daily d
        WHERE (d.account_id, d.connection_id) = (c.account_id, c.id)) daily ON true
    LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE version > 1) AS changes, count(*) FILTER (WHERE version = 1) AS new
        FROM leads.history h WHERE h.account_id = c.account_id AND h.source = 'crm/' || c.id) heard ON true
    LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE state = 'due') AS due, count(*) FILTER (WHERE state = 'failed') AS failed,
               count(*) FILTER (WHERE state = 'in_sync') AS in_sync
        FROM sync.target t WHERE (t.account_id, t.connection_id) = (c.account_id, c.id)) t ON true
    WHERE c.account_id = $1 AND c.status <> 'disconnected' ORDER BY c.id"""

# Records that are yet to be read, and readings under way.
_TO_READ = """
    SELECT (SELECT count(*) FROM sync.wanted WHERE account_id = $1)
         + (SELECT count(*) FROM sync.run WHERE account_id = $1 AND state IN ('queued', 'running'))"""
_DUE = """
    SELECT connection_id, count(*) AS due FROM sync.target
    WHERE account_id = $1 AND state = 'due' GROUP BY connection_id"""


@dataclass(frozen=True, slots=True)
class Figures:
    """``account``: counts of everything; ``connections``: rows by id."""

    account: Mapping[str, Any]
    connections: Mapping[int, Mapping[str, Any]]


async def figures(pool: asyncpg.Pool, account_id: int, since: datetime) -> Figures:
    """All counts; readings since that moment."""
    account = await pool.fetchrow(_ACCOUNT, account_id)
    assert account
    rows = await pool.fetch(_CONNECTIONS, account_id, since)
    return Figures(dict(account), {row["id"]: dict(row) for row in rows})


async def left_to_read(pool: asyncpg.Pool, account_id: int) -> int:
    """Readings under way, and records that a webhook told of and that are not read yet."""
    return int(await pool.fetchval(_TO_READ, account_id))


async def left_to_write(pool: asyncpg.Pool, account_id: int) -> dict[int, int]:
    """Leads on their way, by connection; none for those that have all."""
    return {row["connection_id"]: row["due"] for row in await pool.fetch(_DUE, account_id)}

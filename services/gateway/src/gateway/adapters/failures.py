"""Pushes that a CRM refused or that are being tried again: listed, and made due anew."""

from dataclasses import dataclass
from typing import Any

import asyncpg

from gateway.adapters import queries_runs as q
from gateway.adapters.database import Database
from hub.contracts.ids import rfc3339

_REDRIVE_AT_ONCE = 5_000
# Filter name -> condition; {} is the parameter's place.
_CONDITIONS = {
    "connection_id": "t.connection_id = {}",
    "crm_type": "c.crm_type = {}",
    "code": "t.last_error ->> 'code' = {}",
    "lead_id": "t.lead_id = {}",
}
_STATES = {"failed": "t.state = 'failed'", "retrying": "t.state = 'due' AND t.last_error IS NOT NULL"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which failures: ``filters`` are by the names above."""

    state: str
    filters: dict[str, Any]
    after: tuple[int, int] | None = None  # connection, lead


class Failures:
    """For one account at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, account_id: int, wanted: Wanted, limit: int) -> list[dict[str, Any]]:
        """Failures by connection and lead."""
        statement, values = _statement(q.FAILURES, account_id, wanted, limit)
        async with self._database.account(account_id) as connection:
            return [_document(row) for row in await connection.fetch(statement, *values)]

    async def redrive(self, account_id: int, wanted: Wanted) -> int:
        """Make them due; how many. In parts, so that none of them takes long."""
        statement, values = _statement(q.REDRIVE, account_id, wanted, _REDRIVE_AT_ONCE)
        count = 0
        while True:
            async with self._database.account(account_id) as connection:
                done = int((await connection.execute(statement, *values)).rpartition(" ")[2])
            count += done
            if done < _REDRIVE_AT_ONCE:
                return count


def _statement(template: str, account_id: int, wanted: Wanted, limit: int) -> tuple[str, list[Any]]:
    values: list[Any] = [account_id]
    conditions = ["t.account_id = $1", _STATES[wanted.state]]
    for name, value in wanted.filters.items():
        if value is not None:
            values.append(value)
            conditions.append(_CONDITIONS[name].format(f"${len(values)}"))
    if wanted.after:
        values += wanted.after
        conditions.append(f"(t.connection_id, t.lead_id) > (${len(values) - 1}, ${len(values)})")
    values.append(limit)
    return template.format(" AND ".join(conditions), f"${len(values)}"), values


def _document(row: asyncpg.Record) -> dict[str, Any]:
    error = row["last_error"] or {}
    details = {
        "crm_error": error.get("code"),
        "field": error.get("field"),
        "attempted_value": error.get("attempted_value"),
        "crm_message": error.get("message"),
        "kind": error.get("kind"),
        "status": error.get("status"),
    }
    told: dict[str, Any] = {
        "code": "CRM_SYNC_FAILED",
        "message": f"Failed to sync lead to {row['connection']}",
        "details": {name: value for name, value in details.items() if value is not None},
    }
    if row["state"] == "due":
        told["retry_after"] = rfc3339(row["next_attempt_at"])
    return {
        "lead_id": row["lead_id"],
        "external_id": f"MPP-{row['lead_id']}",
        "connection_id": row["connection_id"],
        "connection": row["connection"],
        "crm_type": row["crm_type"],
        "record_id": row["external_id"],
        "attempts": row["attempts"],
        "since": rfc3339(row["desired_at"]),
        "error": told,
    }

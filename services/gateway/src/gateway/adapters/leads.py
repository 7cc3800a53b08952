"""Reading leads, what happened to them, and what became of events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from gateway.adapters import queries
from gateway.adapters.database import Database
from gateway.adapters.search import leads_statement
from hub.contracts.ids import rfc3339
from hub.contracts.records import lead_document
from hub.leads.normalise import phone as normalised_phone


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None


def _document(row: asyncpg.Record) -> dict[str, Any]:
    return lead_document(
        row["id"], row["version"], row["fields"], rfc3339(row["created_at"]), rfc3339(row["updated_at"])
    )


@dataclass(frozen=True, slots=True)
class EventOutcome:
    """What the transformer made of an event."""

    outcome: str
    lead_id: int | None
    handled_at: datetime


class Leads:
    """Reads for one account at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, account_id: int, filters: dict[str, Any], limit: int, *, newest_first: bool = False
    ) -> list[dict[str, Any]]:
        """Lead documents by id; ``filters`` are named in ``adapters.search.LEAD_FILTERS``."""
        statement, values = leads_statement(account_id, filters, limit, newest_first=newest_first)
        async with self._database.account(account_id) as connection:
            return [_document(row) for row in await connection.fetch(statement, *values)]

    async def phone(self, account_id: int, text: str) -> str:
        """A phone number as leads are stored with it: E.164, read as one dialled in the account's region."""
        async with self._database.control() as connection:
            region: str = await connection.fetchval(queries.REGION, account_id)
        return normalised_phone(text, region) or text

    async def exists(self, account_id: int, lead_id: int) -> bool:
        """Whether the account has that lead."""
        async with self._database.account(account_id) as connection:
            return bool(await connection.fetchval(queries.LEAD_EXISTS, account_id, lead_id))

    async def get(self, account_id: int, lead_id: int, *, with_links: bool = True) -> dict[str, Any] | None:
        """A lead's document, with ``links`` (records it is made of) and ``sync`` (CRMs it is pushed to)."""
        async with self._database.account(account_id) as connection:
            row = await connection.fetchrow(queries.LEAD, account_id, lead_id)
            if row is None:
                return None
            document = _document(row)
            if with_links:
                document["links"] = [
                    {"owner": link["owner"], "external_id": link["external_id"], "seen_at": _time(link["seen_at"])}
                    for link in await connection.fetch(queries.LEAD_LINKS, account_id, lead_id)
                ]
                document["sync"] = [
                    {**target, "pushed_at": _time(target["pushed_at"])}
                    for target in await connection.fetch(queries.LEAD_TARGETS, account_id, lead_id)
                ]
            return document

    async def history(self, account_id: int, lead_id: int, before: int, limit: int) -> list[dict[str, Any]] | None:
        """Versions, newest first, from below ``before``; None when there is no such lead."""
        async with self._database.account(account_id) as connection:
            rows = await connection.fetch(queries.HISTORY, account_id, lead_id, before, limit)
            if not rows and not await connection.fetchval(queries.LEAD_EXISTS, account_id, lead_id):
                return None
        return [{**row, "at": _time(row["at"])} for row in rows]

    async def export_page(
        self, account_id: int, filters: dict[str, Any], limit: int, *, activities: bool
    ) -> list[dict[str, Any]]:
        """Lead documents with their ``activities``, by id."""
        statement, values = leads_statement(account_id, filters, limit, newest_first=False)
        async with self._database.account(account_id) as connection:
            page = [_document(row) for row in await connection.fetch(statement, *values)]
            if page and activities:
                ids = [document["id"] for document in page]
                _add_activities(page, await connection.fetch(queries.ACTIVITIES, account_id, ids))
        return page

    async def outcome(self, account_id: int, event_id: UUID) -> EventOutcome | None:
        """What became of an event; None until it was handled."""
        async with self._database.account(account_id) as connection:
            row = await connection.fetchrow(queries.OUTCOME, account_id, event_id)
        return EventOutcome(row["outcome"], row["lead_id"], row["handled_at"]) if row and row["outcome"] else None

    async def refusal(self, account_id: int, event_id: UUID, first: UUID, last: UUID) -> dict[str, Any] | None:
        """Why an event was refused, from the audit entry between the two ids; None when there is none (yet)."""
        async with self._database.account(account_id) as connection:
            details: dict[str, Any] | None = await connection.fetchval(
                queries.REFUSAL, account_id, str(event_id), first, last
            )
            return details


def _add_activities(page: list[dict[str, Any]], rows: Sequence[asyncpg.Record]) -> None:
    by_lead: dict[int, list[dict[str, Any]]] = {document["id"]: [] for document in page}
    for row in rows:
        activity = {"type": row["type"], "at": rfc3339(row["at"]), "user": row["actor"]}
        details = row["details"]
        activity |= {"fields_changed": details or []} if row["type"] != "enrollment.completed" else details
        by_lead[row["lead_id"]].append(activity)
    for document in page:
        document["activities"] = by_lead[document["id"]]

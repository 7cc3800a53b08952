"""A plan, enacted: one statement per table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from hub.leads.clocks import pack
from hub.leads.merge import ALL
from hub.store.pool import Connection
from transformer.adapters import queries, tables
from transformer.adapters.tables import Addition, Row, Table, addition, append
from transformer.domain.plan import HistoryRow, LeadState, Plan


@dataclass(frozen=True, slots=True)
class Writes:
    """A plan, made ready to be sent: nothing is left to compute while others wait for their turn."""

    plan: Plan
    additions: list[Addition]
    changed: list[Row]


class EncodedOnce:
    """Documents as JSON. What a source told of a new lead is the lead's fields and the link's base: one object."""

    def __init__(self) -> None:
        self._texts: dict[int, bytes] = {}  # by id: the plan keeps the objects alive, and nobody changes them

    def __call__(self, document: dict[str, Any]) -> bytes:
        """The document's JSON."""
        text = self._texts.get(id(document))
        if text is None:
            text = self._texts[id(document)] = orjson.dumps(document)
        return text


def prepare(plan: Plan, *, copy: bool) -> Writes:
    """The rows of a plan. ``copy`` says whether this role may COPY."""
    leads, encoded = plan.leads.values(), EncodedOnce()
    rows: list[tuple[Table, Sequence[Row]]] = [
        (tables.LEAD, [_lead_row(lead, encoded) for lead in leads if lead.is_new]),
        (tables.HISTORY, [_history_row(row, encoded) for row in plan.history]),
        (tables.LINK, [(*key, link.lead_id, encoded(link.base), link.seen_at) for key, link in plan.new_links.items()]),
        (tables.INBOX, plan.inbox),
        (tables.ISSUE, plan.issues),
    ]
    additions = [addition(table, some, copy=copy) for table, some in rows]
    return Writes(plan, additions, [_lead_row(lead, encoded) for lead in leads if not lead.is_new])


async def write(connection: Connection, writes: Writes) -> None:
    """Enact everything but the events (the outbox takes those) within the caller's transaction."""
    plan = writes.plan
    if plan.gone_links:  # first: within one batch a record may go and come back
        await connection.execute(queries.DROP_LINKS, *zip(*sorted(plan.gone_links), strict=True))
    for new in writes.additions:
        await append(connection, new)
    if writes.changed:
        await connection.execute(queries.UPDATE_LEADS, *zip(*writes.changed, strict=True))
    if plan.links:
        links = [(*key, *link) for key, link in plan.links.items()]
        await connection.execute(queries.UPSERT_LINKS, *zip(*links, strict=True))
    await _enrollments(connection, plan)


def _lead_row(lead: LeadState, encoded: "EncodedOnce") -> tuple[Any, ...]:
    fields = lead.fields
    return (
        lead.account_id,
        lead.id,
        lead.version,
        encoded(fields),
        pack(fields, lead.clocks),
        _matchable_email(fields.get("email")),
        _matchable_phone(fields.get("phone")),
        fields.get("status") or "new",
        lead.created_at,
        lead.updated_at,
    )


def _history_row(row: HistoryRow, encoded: "EncodedOnce") -> Row:
    changes = row[-1]
    if ALL not in changes:
        return row
    return (*row[:-1], b'{"*":' + encoded(changes[ALL]) + b"}")


def _matchable_email(value: Any) -> str | None:
    # What normalisation could not make canonical was kept as typed; it must not become a key to match by.
    return value if isinstance(value, str) and "@" in value else None


def _matchable_phone(value: Any) -> str | None:
    return value if isinstance(value, str) and value.startswith("+") and value[1:].isdigit() else None


async def count(connection: Connection, plan: Plan) -> None:
    """Add to imports' progress. A row that every batch of an import writes: for when the turn has come."""
    if plan.progress:
        items = sorted(plan.progress.items())  # sorted: two copies update the same rows in the same order
        names = ("created", "updated", "unchanged", "rejected")
        counts = [[count.get(name, 0) for _, count in items] for name in names]
        accounts, imports = [key[0] for key, _ in items], [key[1] for key, _ in items]
        await connection.execute(queries.ADD_PROGRESS, accounts, imports, *counts)


async def _enrollments(connection: Connection, plan: Plan) -> None:
    if plan.enrollments:
        rows = [
            (
                item.account_id,
                data["enrollment_id"],
                item.lead_id,
                data["plan"],
                data.get("effective_date"),
                data.get("premium"),
                data.get("details") or {},
                item.actor["user"],
            )
            for item, data in ((item, item.event.data) for item in plan.enrollments)
        ]
        await connection.execute(queries.INSERT_ENROLLMENTS, *zip(*rows, strict=True), plan.now)

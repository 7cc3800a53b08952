"""A plan, enacted: one statement per table."""

from typing import Any

from hub.leads.clocks import pack
from hub.store.pool import Connection
from transformer.adapters import queries, tables
from transformer.domain.plan import LeadState, Plan


async def write(connection: Connection, plan: Plan, *, copy: bool) -> None:
    """Enact everything but the events (the outbox takes those) within the caller's transaction."""
    leads = plan.leads.values()
    await tables.append(connection, tables.LEAD, [_lead_row(lead) for lead in leads if lead.is_new], copy=copy)
    if changed := [_lead_row(lead) for lead in leads if not lead.is_new]:
        await connection.execute(queries.UPDATE_LEADS, *zip(*changed, strict=True))
    await tables.append(connection, tables.HISTORY, plan.history, copy=copy)
    await tables.append(connection, tables.LINK, [(*key, *link) for key, link in plan.new_links.items()], copy=copy)
    if plan.links:
        links = [(*key, *link) for key, link in plan.links.items()]
        await connection.execute(queries.UPSERT_LINKS, *zip(*links, strict=True))
    await tables.append(connection, tables.INBOX, plan.inbox, copy=copy)
    await tables.append(connection, tables.ISSUE, plan.issues, copy=copy)
    await _progress(connection, plan)
    await _enrollments(connection, plan)


def _lead_row(lead: LeadState) -> tuple[Any, ...]:
    fields = lead.fields
    return (
        lead.account_id,
        lead.id,
        lead.version,
        fields,
        pack(fields, lead.clocks),
        _matchable_email(fields.get("email")),
        _matchable_phone(fields.get("phone")),
        fields.get("status") or "new",
        lead.created_at,
        lead.updated_at,
    )


def _matchable_email(value: Any) -> str | None:
    # What normalisation could not make canonical was kept as typed; it must not become a key to match by.
    return value if isinstance(value, str) and "@" in value else None


def _matchable_phone(value: Any) -> str | None:
    return value if isinstance(value, str) and value.startswith("+") and value[1:].isdigit() else None


async def _progress(connection: Connection, plan: Plan) -> None:
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

"""How the hub is doing: sync status, connections, audit trail."""

from typing import Any

from aiohttp import web

from gateway.domain.cursor import decode_cursor, encode_cursor
from gateway.domain.problems import Code, Problem
from gateway.gateway import Gateway
from gateway.handlers.places import lead_number, uuid_cursor
from gateway.web.answers import answer
from gateway.web.models_in import AuditQuery
from gateway.web.routing import Call, refusal


async def sync_status(gateway: Gateway, call: Call[None, None]) -> web.Response:
    """The design document's figures, and each connection's."""
    return answer(await gateway.status.sync(call.account_id))


async def list_connections(gateway: Gateway, call: Call[None, None]) -> web.Response:
    """CRM connections, without anything secret."""
    return answer({"connections": await gateway.status.connections(call.account_id)})


async def audit_trail(gateway: Gateway, call: Call[AuditQuery, None]) -> web.Response:
    """A page of entries, newest first."""
    query = call.query
    if query.lead_id and query.subject:
        raise refusal(Problem(Code.INVALID_VALUE, "Either lead_id or subject", "lead_id"))
    filters: dict[str, Any] = {
        "before": uuid_cursor(decode_cursor(query.cursor)) if query.cursor else None,
        "event": query.event,
        "crm": query.crm,
        "actor": query.user or query.actor,
        "action": query.action,
        "subject": f"lead/{lead_number(query.lead_id)}" if query.lead_id else query.subject,
        "from": query.from_,
        "to": query.to,
    }
    entries = await gateway.status.audit(call.account_id, filters, query.limit)
    following = encode_cursor(entries[-1]["event_id"]) if len(entries) == query.limit else None
    return answer({"entries": entries, "next_cursor": following})

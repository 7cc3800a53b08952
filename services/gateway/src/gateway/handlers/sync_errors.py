"""Pushes that failed: what the CRM said of each, and trying them again."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from gateway.adapters.failures import Wanted
from gateway.domain.csv_cells import cell
from gateway.domain.cursor import decode_cursor, encode_cursor
from gateway.gateway import Gateway
from gateway.handlers.places import lead_number
from gateway.web.answers import answer
from gateway.web.models_connections_in import ErrorsQuery, RetryBody
from gateway.web.routing import Call
from gateway.web.streams import stream
from hub.contracts.errors import Invalid

_PAGE = 500
_OF_FAILURE = ("lead_id", "external_id", "connection_id", "connection", "crm_type", "record_id", "attempts", "since")
_OF_DETAILS = ("crm_error", "field", "attempted_value", "crm_message", "kind", "status")


async def list_errors(gateway: Gateway, call: Call[ErrorsQuery, None]) -> web.StreamResponse:
    """Failed pushes, each in the design document's error format."""
    query = call.query
    after = _position(query.cursor) if query.cursor else None
    filters = {
        "connection_id": query.connection_id,
        "crm_type": query.crm_type,
        "code": query.code,
        "lead_id": lead_number(query.lead_id) if query.lead_id else None,
    }
    wanted = Wanted(query.state, filters, after)
    if query.format == "csv":
        headers = {
            "Content-Type": "text/csv; charset=utf-8",
            "Cache-Control": "no-store",
            "Content-Disposition": 'attachment; filename="sync-errors.csv"',
        }
        return await stream(
            call.request, web.StreamResponse(headers=headers), _as_csv(gateway, call.account_id, wanted)
        )
    page = [_titled(gateway, each) for each in await gateway.failures.page(call.account_id, wanted, query.limit)]
    following = None
    if len(page) == query.limit:
        following = encode_cursor(f"{page[-1]['connection_id']} {page[-1]['lead_id']}")
    return answer({"errors": page, "next_cursor": following})


async def retry_errors(gateway: Gateway, call: Call[None, RetryBody]) -> web.Response:
    """Make failed pushes due again, from one lead's to all of them."""
    body = call.body
    filters = {name: getattr(body, name) for name in ("lead_id", "connection_id", "crm_type", "code")}
    if not body.all and not any(filters.values()):
        raise Invalid('Name at least one filter, or say {"all": true}')
    return answer({"redriven": await gateway.failures.redrive(call.account_id, Wanted("failed", filters))})


async def _as_csv(gateway: Gateway, account_id: int, wanted: Wanted) -> AsyncIterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow((*_OF_FAILURE, *_OF_DETAILS))
    while True:
        page = await gateway.failures.page(account_id, wanted, _PAGE)
        for each in page:
            details = each["error"]["details"]
            values = [each[name] for name in _OF_FAILURE] + [details.get(name) for name in _OF_DETAILS]
            writer.writerow([cell(value) for value in values])
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
        if len(page) < _PAGE:
            return
        wanted = Wanted(wanted.state, wanted.filters, (page[-1]["connection_id"], page[-1]["lead_id"]))


def _titled(gateway: Gateway, failure: dict[str, Any]) -> dict[str, Any]:
    connector = gateway.connectors.get(failure["crm_type"])
    title = connector.manifest.title if connector else failure["crm_type"]
    failure["error"]["message"] = f"Failed to sync lead to {title}"
    return failure


def _position(cursor: str) -> tuple[int, int]:
    connection, _, lead = decode_cursor(cursor).partition(" ")
    numbers = [
        int(each) if each.isascii() and each.isdigit() and len(each) <= 18 else None for each in (connection, lead)
    ]
    if None in numbers:
        raise Invalid("The cursor is not one that this API gave out", code="INVALID_CURSOR", field="cursor")
    return numbers[0] or 0, numbers[1] or 0

"""Reading leads."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import orjson
from aiohttp import web

from gateway.adapters.search import like_pattern
from gateway.domain.csv_cells import cell
from gateway.domain.cursor import decode_number_cursor, encode_cursor
from gateway.gateway import Gateway
from gateway.handlers.places import lead_in_path, lead_number
from gateway.web.answers import answer
from gateway.web.models_in import ExportQuery, LeadsQuery, Page
from gateway.web.routing import Call
from gateway.web.streams import stream
from hub.contracts.errors import NotFound
from hub.contracts.records import STANDARD_FIELDS
from hub.leads.normalise import email

_EXPORT_PAGE = 500
_MOST_VERSIONS = 2**31 - 1
_CSV_COLUMNS = ("id", "external_id", *STANDARD_FIELDS, "custom_fields", "version", "created_at", "updated_at")
_TYPES = {"json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv"}


async def list_leads(gateway: Gateway, call: Call[LeadsQuery, None]) -> web.Response:
    """A page of leads by id."""
    query = call.query
    newest_first = query.order == "newest"
    filters: dict[str, Any] = {
        "status": query.status and str(query.status),
        "archived": query.archived,
        "updated_since": query.updated_since,
        "email": query.email and (email(query.email) or query.email.lower()),
        "phone": query.phone and await gateway.leads.phone(call.account_id, query.phone),
    }
    if query.cursor:
        filters["before" if newest_first else "after"] = decode_number_cursor(query.cursor)
    if query.q:
        lead_id = lead_number(query.q)
        filters |= {"id": lead_id} if lead_id else {"words": like_pattern(query.q)}
    page = await gateway.leads.page(call.account_id, filters, query.limit, newest_first=newest_first)
    following = encode_cursor(page[-1]["id"]) if len(page) == query.limit else None
    return answer({"leads": page, "next_cursor": following})


async def get_lead(gateway: Gateway, call: Call[None, None]) -> web.Response:
    """One lead with its links."""
    document = await gateway.leads.get(call.account_id, lead_in_path(call))
    if document is None:
        raise NotFound("There is no such lead")
    return answer(document)


async def get_history(gateway: Gateway, call: Call[Page, None]) -> web.Response:
    """A lead's versions, newest first."""
    query = call.query
    before = min(decode_number_cursor(query.cursor), _MOST_VERSIONS) if query.cursor else _MOST_VERSIONS
    history = await gateway.leads.history(call.account_id, lead_in_path(call), before, query.limit)
    if history is None:
        raise NotFound("There is no such lead")
    following = encode_cursor(history[-1]["version"]) if len(history) == query.limit else None
    return answer({"history": history, "next_cursor": following})


async def export_leads(gateway: Gateway, call: Call[ExportQuery, None]) -> web.StreamResponse:
    """All leads that match, streamed page by page."""
    query = call.query
    filters = {
        "status": query.status and str(query.status),
        "archived": query.archived,
        "updated_since": query.date_from,
        "updated_before": query.date_to,
    }
    pages = _pages(gateway, call.account_id, filters, activities=query.format != "csv")
    headers = {"Content-Type": f"{_TYPES[query.format]}; charset=utf-8", "Cache-Control": "no-store"}
    if query.format == "csv":
        headers["Content-Disposition"] = 'attachment; filename="leads.csv"'
    return await stream(call.request, web.StreamResponse(headers=headers), _WRITERS[query.format](pages))


Pages = AsyncIterator[list[dict[str, Any]]]


async def _pages(gateway: Gateway, account_id: int, filters: dict[str, Any], *, activities: bool) -> Pages:
    after = 0
    while True:
        page = await gateway.leads.export_page(
            account_id, {**filters, "after": after}, _EXPORT_PAGE, activities=activities
        )
        if page:
            after = page[-1]["id"]
            yield page
        if len(page) < _EXPORT_PAGE:
            return


async def _as_json(pages: Pages) -> AsyncIterator[bytes]:
    # Page by page, so the brackets are written by hand; the first part waits for the first page (see ``stream``).
    opening = b'{"leads":['
    async for page in pages:
        yield opening + orjson.dumps(page)[1:-1]
        opening = b","
    yield b"]}" if opening == b"," else opening + b"]}"


async def _as_ndjson(pages: Pages) -> AsyncIterator[bytes]:
    async for page in pages:
        yield b"".join(orjson.dumps(lead, option=orjson.OPT_APPEND_NEWLINE) for lead in page)


async def _as_csv(pages: Pages) -> AsyncIterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_CSV_COLUMNS)
    async for page in pages:
        for lead in page:
            writer.writerow([cell(lead.get(name)) for name in _CSV_COLUMNS])
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    if text.tell():
        yield text.getvalue().encode()


_WRITERS = {"json": _as_json, "ndjson": _as_ndjson, "csv": _as_csv}

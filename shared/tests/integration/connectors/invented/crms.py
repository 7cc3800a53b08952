"""Three REST CRMs that nobody ever heard of, and the configuration that works each."""

import base64
import itertools
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

KEY = "canary-invented-9c2e"
Handler = Callable[[web.Request], Any]


class Records:
    """What all three keep; each shows it in its own way."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.touched: dict[str, float] = {}
        self.deleted: set[str] = set()
        self._numbers = itertools.count(1)
        self._moments = itertools.count(int(time.time()) - 100_000)

    def put(self, fields: Mapping[str, Any], record_id: str | None = None, *, whole: bool = False) -> str:
        """Create, or change."""
        record_id = record_id or f"r{next(self._numbers):06}"
        self.rows[record_id] = dict(fields) if whole else {**self.rows.get(record_id, {}), **fields}
        self.touched[record_id] = float(next(self._moments))
        return record_id

    def drop(self, record_id: str) -> None:
        """Delete, keeping a tombstone."""
        self.deleted.add(record_id)
        self.touched[record_id] = float(next(self._moments))

    def alive(self) -> list[str]:
        """Ids in order."""
        return [record_id for record_id in sorted(self.rows) if record_id not in self.deleted]


def envelope_crm(records: Records) -> tuple[list[web.RouteDef], dict[str, Any]]:
    """Bearer, cursors, everything in envelopes and snake_case of its own, ISO times, tombstones, PATCH."""

    def shown(record_id: str) -> dict[str, Any]:
        stamp = datetime.fromtimestamp(records.touched[record_id], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        state = "removed" if record_id in records.deleted else None
        return {"uuid": record_id, "attributes": records.rows[record_id], "meta": {"changed": stamp, "gone": state}}

    async def listing(request: web.Request) -> web.Response:
        rows = sorted(records.rows, key=lambda each: (records.touched[each], each))
        if since := request.query.get("filter[changed_after]"):
            moment = datetime.fromisoformat(since).timestamp()
            rows = [each for each in rows if records.touched[each] > moment]
        for name in ("mail", "partner_ref"):
            if wanted := request.query.get(f"filter[{name}]"):
                rows = [each for each in rows if records.rows[each].get(name) == wanted]
        start = int(base64.b64decode(request.query["page[after]"])) if "page[after]" in request.query else 0
        page = rows[start : start + 40]
        after = base64.b64encode(str(start + 40).encode()).decode() if start + 40 < len(rows) else None
        page_of = {"result": {"people": [shown(each) for each in page], "paging": {"after": after}}}
        return web.json_response(page_of)

    async def one(request: web.Request) -> web.Response:
        record_id = request.match_info["id"]
        if record_id not in records.rows:
            return web.json_response({"fault": {"kind": "NO_SUCH", "text": "nobody"}}, status=404)
        return web.json_response({"result": {"person": shown(record_id)}})

    async def create(request: web.Request) -> web.Response:
        fields = (await request.json())["person"]["attributes"]
        if "@" not in fields.get("mail", "@"):
            told = {"fault": {"kind": "BAD_MAIL", "text": "that is no mail", "where": ["mail"]}}
            return web.json_response(told, status=400)
        return web.json_response({"result": {"person": shown(records.put(fields))}}, status=201)

    async def change(request: web.Request) -> web.Response:
        record_id = request.match_info["id"]
        records.put((await request.json())["person"]["attributes"], record_id)
        return web.Response(status=204)

    routes = [
        web.get("/api/people/", listing),
        web.get("/api/people/{id}/", one),
        web.post("/api/people/", create),
        web.patch("/api/people/{id}/", change),
    ]
    config = {
        "endpoints": {
            "get_leads": "/people/",
            "create_lead": "/people/",
            "update_lead": "/people/{id}/",
            "find_lead": "/people/?filter[partner_ref]={reference}",
            "find_by_email": "/people/?filter[mail]={email}",
        },
        "headers": {"X-Api-Version": "7"},
        "paging": {"kind": "cursor", "param": "page[after]", "cursor_path": "result.paging.after"},
        "records_path": "result.people",
        "record_path": "result.person",
        "fields_path": "attributes",
        "id_path": "uuid",
        "modified_path": "meta.changed",
        "deleted_path": "meta.gone",
        "incremental": {"query": "filter[changed_after]={since}", "overlap_seconds": 5},
        "writing": {"wrap": "person", "id_path": "result.person.uuid"},
        "errors": {"code_path": "fault.kind", "message_path": "fault.text", "field_path": "fault.where.0"},
        "reference_field": "partner_ref",
        "email_field": "mail",
        "update_method": "PATCH",
        "field_mappings": {"mpp_fields": {"email": "mail", "firstName": "given", "lastName": "family"}},
    }
    return routes, config


def bare_crm(records: Records) -> tuple[list[web.RouteDef], dict[str, Any]]:
    """Key in a header, pages from 0, bare arrays, Unix times, a create that answers with only an id, PUT."""

    async def listing(request: web.Request) -> web.Response:
        rows = records.alive()
        if since := request.query.get("since"):
            rows = [each for each in rows if records.touched[each] >= float(since)]
        for name in ("email", "external_id"):
            if wanted := request.query.get(name):
                rows = [each for each in rows if records.rows[each].get(name) == wanted]
        page = int(request.query.get("p", "0"))
        page_of = rows[page * 25 : page * 25 + 25]
        shown = [{"id": each, **records.rows[each], "lastModified": records.touched[each]} for each in page_of]
        return web.json_response(shown)

    async def one(request: web.Request) -> web.Response:
        record_id = request.match_info["id"]
        if record_id not in records.alive():
            return web.json_response("no", status=404)
        fields = {"id": record_id, **records.rows[record_id], "lastModified": records.touched[record_id]}
        return web.json_response(fields)

    async def create(request: web.Request) -> web.Response:
        return web.json_response(records.put(await request.json()), status=200)

    async def change(request: web.Request) -> web.Response:
        if request.match_info["id"] not in records.alive():
            return web.json_response("no", status=404)
        records.put(await request.json(), request.match_info["id"], whole=True)
        return web.json_response(None, status=200)

    async def delete(request: web.Request) -> web.Response:
        records.drop(request.match_info["id"])
        return web.Response(status=204)

    routes = [
        web.get("/api/contacts", listing),
        web.get("/api/contacts/{id}", one),
        web.post("/api/contacts/new", create),
        web.put("/api/contacts/{id}", change),
        web.delete("/api/contacts/{id}", delete),
    ]
    config = {
        "endpoints": {
            "get_leads": "/contacts",
            "create_lead": "/contacts/new",
            "update_lead": "/contacts/{id}",
            "delete_lead": "/contacts/{id}",
        },
        "auth": {"place": "header", "name": "X-Token", "prefix": "Key "},
        "paging": {"kind": "page", "param": "p", "first": 0, "size": 25},
        "incremental": {"query": "since={since}", "format": "unix", "overlap_seconds": 5},
    }
    return routes, config


def linked_crm(records: Records) -> tuple[list[web.RouteDef], dict[str, Any]]:
    """Basic auth, Link headers, no filter of any kind, no field for our reference, 204 and no id after a create."""

    async def listing(request: web.Request) -> web.Response:
        rows, start = records.alive(), int(request.query.get("from", "0"))
        page = [{"id": each, "data": None, **records.rows[each]} for each in rows[start : start + 30]]
        headers = {}
        if start + 30 < len(rows):
            headers["Link"] = f'<{request.url.with_query({"from": start + 30})}>; rel="next", </api>; rel="up"'
        return web.json_response({"items": page}, headers=headers)

    async def one(request: web.Request) -> web.Response:
        record_id = request.match_info["id"]
        if record_id not in records.alive():
            return web.Response(status=410)
        return web.json_response({"id": record_id, **records.rows[record_id]})

    async def create(request: web.Request) -> web.Response:
        records.put(await request.json())
        return web.Response(status=204)

    async def change(request: web.Request) -> web.Response:
        records.put(await request.json(), request.match_info["id"])
        return web.Response(status=200)

    routes = [
        web.get("/api/leads", listing),
        web.get("/api/leads/{id}", one),
        web.post("/api/leads", create),
        web.patch("/api/leads/{id}", change),
    ]
    config: dict[str, Any] = {
        "auth": {"place": "basic"},
        "paging": {"kind": "link"},
        "reference_field": None,
        "update_method": "PATCH",
    }
    return routes, config


@asynccontextmanager
async def served(routes: list[web.RouteDef], key: str) -> AsyncIterator[str]:
    """An address below which the CRM answers those who show the key."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        header = request.headers.get("Authorization") or request.headers.get("X-Token")
        if header != key:
            return web.json_response({"message": "who are you?"}, status=401)
        answer: web.StreamResponse = await handler(request)
        return answer

    app = web.Application(middlewares=[guard])
    app.add_routes(routes)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/api"
    finally:
        await runner.cleanup()


CRMS = {
    "envelope": (envelope_crm, KEY, f"Bearer {KEY}"),
    "bare": (bare_crm, KEY, f"Key {KEY}"),
    "linked": (linked_crm, f"hub:{KEY}", f"Basic {base64.b64encode(f'hub:{KEY}'.encode()).decode()}"),
}

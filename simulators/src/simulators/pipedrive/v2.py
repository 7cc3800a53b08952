"""API v2: persons, deals, organizations, their fields, conversions, pipelines and stages."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from simulators.kit.answers import answer
from simulators.pipedrive.access import ACTOR, body_of
from simulators.pipedrive.convert import deal_to_lead, lead_to_deal, not_found, status
from simulators.pipedrive.crm import Crm
from simulators.pipedrive.errors import invalid, missing, whole
from simulators.pipedrive.pages import custom_keys, limit_of, offset_of, page, sealed

_PATHS = {"person": "persons", "deal": "deals", "organization": "organizations"}
BASE = "/api/v2"


def paged(data: Any, cursor: str | None) -> web.Response:
    """The envelope of a list."""
    return answer({"success": True, "data": data, "additional_data": {"next_cursor": cursor}})


def one(data: Any) -> web.Response:
    """The envelope of a record."""
    return answer({"success": True, "data": data})


def v2_routes(crm: Crm) -> list[web.RouteDef]:
    """All of them; search is apart."""
    routes = [route for kind in _PATHS for route in [*_record_routes(crm, kind), *_field_routes(crm, kind)]]
    return [*routes, *_convert_routes(crm), *_fixed(crm, "pipelines"), *_fixed(crm, "stages")]


def _record_routes(crm: Crm, kind: str) -> list[web.RouteDef]:
    def number(request: web.Request) -> int:
        return whole(request.match_info["id"], invalid("id: Expected number"))

    async def listing(request: web.Request) -> web.Response:
        shelf = "archived" if request.path.endswith("/archived") else "live"
        rows, cursor = page(crm, kind, request.query, shelf)
        if crm.faults.draw("stuck_cursor", request.method, request.path) is not None:
            rows, _ = page(crm, kind, {**request.query, "cursor": ""}, shelf)
            cursor = request.query.get("cursor") or cursor
        only = custom_keys(request.query)
        return paged([crm.shown(kind, row, only) for row in rows], cursor)

    async def read(request: web.Request) -> web.Response:
        row = crm.get(kind, number(request), deleted=crm.options.deleted_visible)
        return one(crm.shown(kind, row, custom_keys(request.query)))

    async def create(request: web.Request) -> web.Response:
        return one(crm.shown(kind, crm.create(kind, await body_of(request), request[ACTOR])))

    async def change(request: web.Request) -> web.Response:
        row = crm.change(kind, number(request), await body_of(request), request[ACTOR])
        return one(crm.shown(kind, row))

    async def delete(request: web.Request) -> web.Response:
        crm.delete(kind, number(request), request[ACTOR])
        return one({"id": number(request)})

    path = f"{BASE}/{_PATHS[kind]}"
    archived = [web.get(f"{path}/archived", listing)] if kind == "deal" else []
    return [
        *archived, web.get(path, listing), web.post(path, create), web.get(path + "/{id:[^/]+}", read),
        web.patch(path + "/{id}", change), web.delete(path + "/{id}", delete),
    ]  # fmt: skip


def _field_routes(crm: Crm, kind: str) -> list[web.RouteDef]:
    def code(request: web.Request) -> str:
        return request.match_info["code"]

    async def listing(request: web.Request) -> web.Response:
        limit, start = limit_of(request.query), offset_of(request.query)
        every = list(crm.fields[kind].by_code.values())
        end = start + limit
        return paged(every[start:end], sealed(end) if end < len(every) else None)

    async def read(request: web.Request) -> web.Response:
        return one(crm.fields[kind].get(code(request)))

    async def create(request: web.Request) -> web.Response:
        return one(crm.fields[kind].add(await _document(request)))

    async def change(request: web.Request) -> web.Response:
        return one(crm.fields[kind].change(code(request), await _document(request)))

    async def delete(request: web.Request) -> web.Response:
        return one(crm.fields[kind].remove(code(request)))

    async def options(request: web.Request) -> web.Response:
        fields, wish = crm.fields[kind], await body_of(request)
        act = {"POST": fields.add_options, "PATCH": fields.change_options, "DELETE": fields.remove_options}
        return one(act[request.method](code(request), wish))

    path = f"{BASE}/{kind}Fields"
    each, its_options = path + "/{code}", path + "/{code}/options"
    return [
        web.get(path, listing), web.post(path, create), web.get(each, read), web.patch(each, change),
        web.delete(each, delete), web.post(its_options, options), web.patch(its_options, options),
        web.delete(its_options, options),
    ]  # fmt: skip


def _convert_routes(crm: Crm) -> list[web.RouteDef]:
    async def to_deal(request: web.Request) -> web.Response:
        wish = await _document(request)
        return one({"conversion_id": lead_to_deal(crm, request.match_info["id"], wish, request[ACTOR])})

    async def to_lead(request: web.Request) -> web.Response:
        number = whole(request.match_info["id"], not_found())
        return one({"conversion_id": deal_to_lead(crm, number, request[ACTOR])})

    async def how(request: web.Request) -> web.Response:
        kind = "lead" if "/leads/" in request.path else "deal"
        return one(status(crm, kind, request.match_info["id"], request.match_info["conversion"]))

    return [
        web.post(BASE + "/leads/{id}/convert/deal", to_deal),
        web.post(BASE + "/deals/{id}/convert/lead", to_lead),
        web.get(BASE + "/leads/{id}/convert/status/{conversion}", how),
        web.get(BASE + "/deals/{id}/convert/status/{conversion}", how),
    ]


def _fixed(crm: Crm, name: str) -> list[web.RouteDef]:
    """Pipelines or stages, to be read."""

    def rows() -> Mapping[int, dict[str, Any]]:
        found: Mapping[int, dict[str, Any]] = getattr(crm, name)
        return found

    async def listing(request: web.Request) -> web.Response:
        wanted = request.query.get("pipeline_id")
        chosen = [row for row in rows().values() if wanted is None or str(row.get("pipeline_id")) == wanted]
        return paged(chosen, None)

    async def read(request: web.Request) -> web.Response:
        number = whole(request.match_info["id"], invalid("id: Expected number"))
        if number not in rows():
            raise missing(f"{name[:-1].capitalize()} not found")
        return one(rows()[number])

    return [web.get(f"{BASE}/{name}", listing), web.get(f"{BASE}/{name}/{{id}}", read)]


async def _document(request: web.Request) -> dict[str, Any]:
    wish = await body_of(request)
    if not isinstance(wish, dict):
        raise invalid("Expected object")
    return wish

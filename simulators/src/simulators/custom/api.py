"""The customer-facing REST API, under /v2."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web

from simulators.custom.crm import Crm
from simulators.custom.faults import Slow, broken
from simulators.custom.records import Refused

MAX_PER_PAGE = 500
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """JSON."""
    return web.Response(body=orjson.dumps(body), status=status, headers=headers, content_type="application/json")


def api_routes(crm: Crm, api_key: str) -> list[web.RouteDef]:
    """All routes of the API, each behind the key and the faults."""

    async def listing(request: web.Request) -> web.Response:
        page, size = _number(request, "page", 1, 10**9), _number(request, "per_page", 50, MAX_PER_PAGE)
        rows, total = crm.store.page(request.query, size, (page - 1) * size)
        return answer({"data": rows, "page": page, "per_page": size, "total": total})

    async def one(request: web.Request) -> web.Response:
        return answer(crm.get(request.match_info["id"]))

    async def create(request: web.Request) -> web.Response:
        return _stored(request, crm.create(await _json(request), by_api=True), 201)

    async def change(request: web.Request) -> web.Response:
        replace = request.method == "PUT"
        fields = await _json(request)
        return _stored(request, crm.change(request.match_info["id"], fields, by_api=True, replace=replace), 200)

    async def delete(request: web.Request) -> web.Response:
        crm.delete(request.match_info["id"], by_api=True)
        return web.Response(status=204)

    def _stored(request: web.Request, record: dict[str, Any], status: int) -> web.Response:
        return broken(request) if crm.gate.breaks_after() else answer(record, status)

    def guarded(route: str, handler: Handler) -> Handler:
        async def guard(request: web.Request) -> web.StreamResponse:
            crm.requests[route] += 1
            try:
                spoiled = await crm.gate.before(request)
                if spoiled is not None:
                    return spoiled
                _check_key(request, api_key)
                return await handler(request)
            except Slow as slow:
                return answer(slow.body(), slow.status, {"Retry-After": f"{crm.gate.faults.retry_after:g}"})
            except Refused as refused:
                return answer(refused.body(), refused.status)

        return guard

    return [
        web.get("/v2/leads", guarded("GET /leads", listing)),
        web.post("/v2/leads", guarded("POST /leads", create)),
        web.get("/v2/leads/{id}", guarded("GET /leads/{id}", one)),
        web.put("/v2/leads/{id}", guarded("PUT /leads/{id}", change)),
        web.patch("/v2/leads/{id}", guarded("PATCH /leads/{id}", change)),
        web.delete("/v2/leads/{id}", guarded("DELETE /leads/{id}", delete)),
    ]


def _check_key(request: web.Request, api_key: str) -> None:
    given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
    if not hmac.compare_digest(given, f"Bearer {api_key}".encode()):
        raise Refused(401, "INVALID_KEY", "the API key is not valid")


async def _json(request: web.Request) -> Any:
    try:
        return orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise Refused(400, "BAD_JSON", "the body is not JSON") from None


def _number(request: web.Request, name: str, default: int, most: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise Refused(422, "INVALID_PARAMETER", f"{name} must be a positive number", name)
    return min(int(text), most)

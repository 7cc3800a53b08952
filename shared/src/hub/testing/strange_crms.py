"""Two CRMs on loopback that no customer should have: one refuses all writes, one talks nonsense."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from hub.runtime import serving


@asynccontextmanager
async def read_only_crm(status: int) -> AsyncIterator[tuple[str, Counter[str], list[int]]]:
    """``async with read_only_crm(status) as (url, calls, answer):`` reads work, writes get ``answer[0]``.

    ``calls`` counts the writes of each reference.
    """
    calls: Counter[str] = Counter()
    answer = [status]

    async def read(_request: web.Request) -> web.Response:
        return web.json_response([])

    async def write(request: web.Request) -> web.Response:
        calls[(await request.json())["external_id"]] += 1
        return web.json_response({"id": calls.total()}, status=answer[0])

    app = web.Application()
    app.add_routes([web.get("/leads", read), web.post("/leads", write)])
    async with serving(app, "127.0.0.1", 0, stop_seconds=0.5) as port:
        yield f"http://127.0.0.1:{port}", calls, answer


@asynccontextmanager
async def nonsense_crm(body: bytes) -> AsyncIterator[str]:
    """``async with nonsense_crm(body) as url:`` answers everything with 200 and that."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.add_routes([web.get("/{path:.*}", answer)])
    async with serving(app, "127.0.0.1", 0, stop_seconds=0.5) as port:
        yield f"http://127.0.0.1:{port}"

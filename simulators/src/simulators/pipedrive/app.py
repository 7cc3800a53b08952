"""The simulator as an HTTP server; also what tests start inside their own process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from simulators.kit import serving
from simulators.kit.answers import answer
from simulators.kit.control import guarded
from simulators.kit.keeping import remembered
from simulators.pipedrive.access import Gate, api_middleware
from simulators.pipedrive.hooks_api import hook_routes
from simulators.pipedrive.oauth import oauth_routes
from simulators.pipedrive.options import Options
from simulators.pipedrive.search import search_routes
from simulators.pipedrive.v1 import v1_routes
from simulators.pipedrive.v2 import v2_routes
from simulators.pipedrive.world import PipedriveWorld


@asynccontextmanager
async def running(
    options: Options | None = None, *, host: str = "127.0.0.1", port: int = 0, memory: Path | None = None
) -> AsyncIterator[serving.Running]:
    """Serve until the block ends. Port 0 takes a free one. ``memory``: the file that keeps the company."""
    world = remembered(memory, lambda: PipedriveWorld(options or Options()))
    gate = Gate(world.grants, world.limiter, world.faults, world.options)
    routes = [
        *search_routes(world.crm), *v2_routes(world.crm), *v1_routes(world.crm),
        *hook_routes(world.crm, world.webhooks),
        *oauth_routes(world.grants, world.webhooks, world.faults, world.options), *_more_control(world),
    ]  # fmt: skip
    middlewares = [api_middleware(gate, world.faults)]
    async with serving.running(world, routes, middlewares, host=host, port=port, memory=memory) as simulator:
        yield simulator


def _more_control(world: PipedriveWorld) -> list[web.RouteDef]:
    async def uninstall(_request: web.Request) -> web.Response:
        return answer({"uninstalled": world.uninstall()})

    async def fields(request: web.Request) -> web.Response:
        kind = request.match_info["object"].removesuffix("s")
        return answer({field["field_name"]: code for code, field in world.crm.fields[kind].custom.items()})

    async def subscriptions(_request: web.Request) -> web.Response:
        active = [each.shown() for each in world.webhooks.subscriptions.values()]
        return answer({"active": active, "removed": world.webhooks.removed})

    return [
        web.post("/control/uninstall", guarded(uninstall)),
        web.get("/control/fields/{object}", guarded(fields)),
        web.get("/control/subscriptions", guarded(subscriptions)),
    ]

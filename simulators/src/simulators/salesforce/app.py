"""The org as an HTTP server; also what tests start inside their own process."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from simulators.kit import serving
from simulators.kit.keeping import remembered
from simulators.kit.serving import Running
from simulators.salesforce.api import api_routes
from simulators.salesforce.control import salesforce_routes
from simulators.salesforce.oauth import oauth_routes
from simulators.salesforce.org import Org
from simulators.salesforce.steering import Steering


@asynccontextmanager
async def running(
    *, host: str = "127.0.0.1", port: int = 0, public_url: str | None = None, count: int = 0, rotate: bool = False,
    webhook_scale: float = 1.0, tls: ssl.SSLContext | None = None, memory: Path | None = None,
) -> AsyncIterator[Running]:  # fmt: skip
    """Serve until the block ends. Port 0 takes a free one.

    ``public_url``: where clients reach it, if not there; ``count``: leads to begin with; ``rotate``: refresh tokens
    are used once; ``webhook_scale``: the pauses before retries, times that; ``tls``: for clients that insist on it;
    ``memory``: the file that keeps the org.
    """

    def found() -> Steering:
        new = Steering(Org())
        if count:
            new.seed("Lead", count, None, 1)
        return new

    world = remembered(memory, found)
    org = world.org
    org.grants.rotate = rotate
    org.deliveries.scale = webhook_scale
    routes = [*oauth_routes(org), *salesforce_routes(world), *api_routes(org)]
    async with serving.running(world, routes, [], host=host, port=port, tls=tls, memory=memory) as crm:
        org.reachable(public_url or crm.url)
        try:
            yield crm
        finally:
            await org.jobs.stop()

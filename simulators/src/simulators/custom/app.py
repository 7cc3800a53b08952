"""The CRM as an HTTP server; also what tests start inside their own process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from simulators.custom.api import api_routes
from simulators.custom.control import control_routes, refusals
from simulators.custom.crm import Crm
from simulators.custom.store import Store

MAX_BODY = 2_000_000


@dataclass(frozen=True, slots=True)
class Running:
    """A CRM that listens."""

    crm: Crm
    port: int

    @property
    def url(self) -> str:
        """Where it listens; the API is below /v2, the control API below /_control."""
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def running(
    database: Path | str, api_key: str, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Running]:
    """Serve until the block ends. Port 0 takes a free one."""
    store = Store(database)
    crm = Crm(store)
    app = web.Application(middlewares=[refusals], client_max_size=MAX_BODY)
    app.add_routes(api_routes(crm, api_key) + control_routes(crm))
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=512)
        await site.start()
        await crm.webhooks.start()
        yield Running(crm, runner.addresses[0][1])
    finally:
        await crm.webhooks.stop()
        await runner.cleanup()
        store.close()

"""A simulator as an HTTP server: inside a test's process, or a process of its own."""

import asyncio
import contextlib
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from simulators.kit.control import World, control_routes
from simulators.kit.faults import faults_middleware
from simulators.kit.keeping import keep
from simulators.kit.ledger import ledger_middleware

MAX_BODY = 200_000_000  # a bulk upload; vendors refuse sooner in their own words
MAX_LINE = 32_768  # vendors take longer addresses than aiohttp does by default


@dataclass(frozen=True, slots=True)
class Running:
    """A simulator that listens."""

    world: Any
    url: str


@asynccontextmanager
async def running(
    world: World, routes: list[web.RouteDef], middlewares: list[Any], *, host: str = "127.0.0.1", port: int = 0,
    tls: ssl.SSLContext | None = None, memory: Path | None = None,
) -> AsyncIterator[Running]:  # fmt: skip
    """Serve the vendor's routes and the control API until the block ends. Port 0 takes a free one.

    ``tls`` makes it https; ``memory`` is the file that keeps the world.

    The vendor's middlewares run inside the ledger's and the faults'.
    """
    outer = [ledger_middleware(world.ledger), faults_middleware(world.faults)]
    app = web.Application(middlewares=[*outer, *middlewares], client_max_size=MAX_BODY)
    app.add_routes([*routes, *control_routes(world)])
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=1, max_line_size=MAX_LINE, max_field_size=MAX_LINE
    )
    await runner.setup()
    keeping = asyncio.create_task(keep(memory, world)) if memory else None
    try:
        await web.TCPSite(runner, host, port, backlog=512, ssl_context=tls).start()
        await world.deliveries.start()
        yield Running(world, f"{'https' if tls else 'http'}://{host}:{runner.addresses[0][1]}")
    finally:
        await world.deliveries.stop()
        await runner.cleanup()
        if keeping:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping


async def serve(vendor: str, simulator: AbstractAsyncContextManager[Running]) -> None:
    """Serve until SIGTERM or SIGINT; says where on standard output."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with simulator as crm:
        print(f"{vendor} simulator listens on {crm.url}", flush=True)
        await stop.wait()

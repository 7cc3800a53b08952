"""How a service lives: logging, health and metrics over HTTP, background work, and an orderly end."""

import asyncio
import ctypes
import gc
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
import uvloop
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from hub.settings import ServiceSettings
from hub.telemetry.logs import configure_logging
from hub.telemetry.metrics import BUILD

_FIRST_REQUEST_SECONDS = 10.0  # at least; at most twice as long
Check = Callable[[], Awaitable[bool]]
Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]
Front = Callable[[Serve], Serve]
# An application may put something in front of its router: it gets the application's own handler, and returns another.
FRONT: web.AppKey[Front] = web.AppKey("front")
_log = structlog.get_logger()


def health_routes(checks: Mapping[str, Check]) -> list[web.RouteDef]:
    """``/healthz`` (the process is alive), ``/readyz`` (what it depends on answers), ``/metrics`` (Prometheus)."""

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_request: web.Request) -> web.Response:
        results = dict(zip(checks, await asyncio.gather(*(_passes(check) for check in checks.values())), strict=True))
        return web.json_response(
            {"ready": all(results.values()), "checks": results}, status=200 if all(results.values()) else 503
        )

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)]


async def _passes(check: Check) -> bool:
    try:
        async with asyncio.timeout(2):
            return await check()
    except Exception:  # noqa: BLE001 - whatever is wrong, the answer is "not ready"
        return False


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int, *, stop_seconds: float) -> AsyncIterator[int]:
    """Serve an application; yields the port it got. On exit, requests in hand are finished first."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=stop_seconds, handle_signals=False)
    await runner.setup()
    if FRONT in app:
        server = runner.server
        assert server is not None
        server.request_handler = app[FRONT](server.request_handler)  # type: ignore[assignment]
    closing = asyncio.create_task(_hang_up_on_the_silent(runner))
    try:
        site = web.TCPSite(runner, host, port, backlog=1024)
        await site.start()
        address: tuple[str, int] = runner.addresses[0][:2]
        yield address[1]
    finally:
        closing.cancel()
        await runner.cleanup()


async def _hang_up_on_the_silent(runner: web.AppRunner) -> None:
    """Close connections whose first request has not come after a while; aiohttp would wait for its headers for ever.

    Between requests its own keep-alive time counts, and bodies are timed by those who read them.
    """
    waiting: set[RequestHandler] = set()
    while runner.server is not None:
        await asyncio.sleep(_FIRST_REQUEST_SECONDS)
        silent = {each for each in runner.server.connections if each._request_count == 0}
        for connection in silent & waiting:
            connection.force_close()
            if connection.transport is not None:
                connection.transport.close()
        waiting = silent


class Service:
    """What an ``app.py`` builds: entered resources, background tasks, and health checks, ended in reverse order."""

    def __init__(self, name: str, settings: ServiceSettings) -> None:
        self.name = name
        self.settings = settings
        self.checks: dict[str, Check] = {}
        self.resources = AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()

    def background(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run ``work`` until the service ends; if it raises, the service ends too (and is restarted by its keeper)."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def stop(self) -> None:
        """Begin the orderly end."""
        self._stop.set()

    async def until_stopped(self) -> None:
        """Wait for SIGTERM, SIGINT or the end of a background task, then cancel the background work."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self.stop)
        await self._stop.wait()
        _log.info("service.stopping")

    async def close(self) -> None:
        """Cancel background work and release resources, newest first."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.resources.aclose()

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("service.task_failed", task=task.get_name(), exc_info=error)
            self.failed = True
            self.stop()

    failed = False


# mallopt's parameters (malloc.h). One heap for all threads, since Python runs one at a time anyway.
_MALLOC = {"M_ARENA_MAX": (-8, 1), "M_MMAP_THRESHOLD": (-3, 16 << 20), "M_TRIM_THRESHOLD": (-1, 64 << 20)}


def _keep_memory() -> None:
    """Keep up to 64 MB that a batch has freed for the next batch.

    glibc would give it back to the kernel, which clears every page again when it is asked for: a tenth of the CPU time
    of a busy service. Other C libraries have no ``mallopt``, or one that does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in _MALLOC.values():
            mallopt(parameter, value)


def _settle_memory() -> None:
    """Batches make many short-lived objects: look for cycles rarely, and never again among what start-up made."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


class _ClientsFaults(logging.Filter):
    """Requests that are not even HTTP are the client's fault: no traceback, which would quote them, for each."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is worth a line."""
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


Build = Callable[[Service], Awaitable[web.Application | None]]


async def live(name: str, settings: ServiceSettings, build: Build) -> int:
    """Build the service, serve its HTTP (health only, unless ``build`` returns an application), end in order.

    Returns the exit code: 0 after a signal, 1 when a background task failed.
    """
    configure_logging(name, settings.log_level, settings.log_format)
    logging.getLogger("aiohttp.server").addFilter(_ClientsFaults())
    service = Service(name, settings)
    try:
        app = await build(service) or web.Application()
        app.add_routes(health_routes(service.checks))
        async with serving(app, settings.http_host, settings.http_port, stop_seconds=settings.stop_seconds) as port:
            _settle_memory()
            BUILD.labels(name).set(1)
            _log.info("service.ready", host=settings.http_host, port=port)
            await service.until_stopped()
    finally:
        await service.close()
        _log.info("service.stopped")
    return 1 if service.failed else 0


def run(name: str, settings: ServiceSettings, build: Build) -> int:
    """The body of a ``__main__``: run until told to stop."""
    _keep_memory()
    return uvloop.run(live(name, settings, build))

"""A webhook subscriber on loopback that remembers what it got and answers as told."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from hub.runtime import serving


@dataclass
class Received:
    """One request as the subscriber got it."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Receiver:
    """A subscriber's server. ``answers`` maps a path to what it does; any other path answers 200."""

    base: str = ""
    requests: list[Received] = field(default_factory=list)
    answers: dict[str, Callable[[Received], Awaitable[web.StreamResponse]]] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Remember a request and answer it."""
        received = Received(request.path, dict(request.headers), await request.read(), time.monotonic())
        self.requests.append(received)
        answer = self.answers.get(request.path)
        return await answer(received) if answer else web.Response()

    def at(self, path: str) -> list[Received]:
        """What came in at one path."""
        return [received for received in self.requests if received.path == path]

    def answer(self, path: str, *statuses: int, headers: dict[str, str] | None = None) -> None:
        """Answer these statuses in turn; the last one for ever."""
        left = list(statuses)

        async def respond(_received: Received) -> web.StreamResponse:
            return web.Response(status=left.pop(0) if len(left) > 1 else left[0], headers=headers)

        self.answers[path] = respond


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A subscriber's server on a free port."""
    subscriber = Receiver()
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", subscriber.handle)
    async with serving(app, "127.0.0.1", 0, stop_seconds=0.5) as port:
        subscriber.base = f"http://127.0.0.1:{port}"
        yield subscriber

"""The road between a client and its CRM: passes calls on, notes them, and spoils answers on demand."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from yarl import URL

_HOP = frozenset({"transfer-encoding", "connection", "keep-alive", "content-length", "content-encoding"})
_MAX_BODY = 200_000_000


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the client, as it came."""

    method: str
    path: str  # with its query
    headers: Mapping[str, str]
    body: bytes

    @property
    def api(self) -> bool:
        """Not a call for tokens."""
        return not self.path.partition("?")[0].rstrip("/").endswith("/token")

    @property
    def creates(self) -> bool:
        """Whether it may make a record (of people; not of fields, jobs or searches)."""
        path = self.path.partition("?")[0]
        reads = ("search", "/batch/read", "ields", "properties", "oauth")
        return self.method in ("POST", "PATCH", "PUT") and not any(each in path for each in reads)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the client gets. ``cut``: half of the body under the length of the whole; ``lost``: nothing at all."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    lost: bool = False

    def json(self) -> Any:
        """The body."""
        return orjson.loads(self.body)

    def saying(self, document: Any) -> "Reply":
        """The same with another document."""
        return replace(self, body=orjson.dumps(document))


def said(document: Any, status: int = 200) -> Reply:
    """An answer in JSON."""
    return Reply(status, orjson.dumps(document), {"Content-Type": "application/json"})


@dataclass
class Road:
    """``instead`` answers in the CRM's place (None: it does not); ``spoil`` changes what the CRM answered."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    instead: Callable[[Call], Reply | None] | None = None
    spoil: Callable[[Call, Reply], Reply] | None = None

    def mend(self) -> None:
        """From now on all is well."""
        self.instead = self.spoil = None

    def once(self, concerns: Callable[[Call], bool], change: Callable[[Reply], Reply]) -> None:
        """Spoil the first answer to such a call."""

        def spoil(call: Call, reply: Reply) -> Reply:
            if not concerns(call):
                return reply
            self.spoil = None
            return change(reply)

        self.spoil = spoil

    def api_calls(self) -> list[Call]:
        """Without those for tokens."""
        return [call for call in self.calls if call.api]


async def _passed(session: aiohttp.ClientSession, upstream: str, call: Call) -> Reply:
    headers = {name: value for name, value in call.headers.items() if name.lower() not in _HOP}
    url = URL(upstream + call.path, encoded=True)
    async with session.request(call.method, url, data=call.body, headers=headers, allow_redirects=False) as answer:
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
        return Reply(answer.status, await answer.read(), kept)


async def _answer(request: web.Request, reply: Reply) -> web.StreamResponse:
    assert request.transport is not None
    if reply.lost:
        request.transport.abort()
        return web.Response()
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_length = len(reply.body)
    await response.prepare(request)
    await response.write(reply.body[: len(reply.body) // 2] if reply.cut else reply.body)
    if reply.cut:
        request.transport.close()
    return response


@asynccontextmanager
async def serving(handler: Any, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """A server that hands every request to the handler; its address."""
    app = web.Application(client_max_size=_MAX_BODY)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, max_line_size=32_768, max_field_size=32_768)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, 0).start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def leading_to(upstream: str) -> AsyncIterator[Road]:
    """A road to the CRM at that address."""
    road = Road()
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def handle(request: web.Request) -> web.StreamResponse:
            call = Call(request.method, request.raw_path, request.headers, await request.read())
            road.calls.append(call)
            reply = road.instead(call) if road.instead else None
            if reply is None:
                reply = await _passed(session, upstream, call)
                reply = road.spoil(call, reply) if road.spoil else reply
            return await _answer(request, reply)

        async with serving(handle) as road.url:
            yield road


@dataclass
class Stranger:
    """Another host, to which nothing may go. ``met``: connections, whatever came over them."""

    url: str = ""
    met: int = 0


@asynccontextmanager
async def stranger() -> AsyncIterator[Stranger]:
    """It listens at another address of this machine."""
    found = Stranger()

    def meet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.met += 1
        writer.close()

    server = await asyncio.start_server(meet, "127.0.0.2", 0)
    async with server:
        found.url = f"http://127.0.0.2:{server.sockets[0].getsockname()[1]}"
        yield found

"""What a service's HTTP server does with clients that do not speak."""

import asyncio
import time

from aiohttp import web

from hub.runtime import serving


async def _hello(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


async def test_a_connection_that_never_asks_is_closed_and_one_that_does_is_kept() -> None:
    app = web.Application()
    app.router.add_get("/", _hello)
    async with serving(app, "127.0.0.1", 0, stop_seconds=1) as port:
        began = time.monotonic()
        silent, _ = await asyncio.open_connection("127.0.0.1", port)
        slow, slow_writer = await asyncio.open_connection("127.0.0.1", port)
        polite, polite_writer = await asyncio.open_connection("127.0.0.1", port)
        slow_writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Never: end")
        polite_writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await polite.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
        async with asyncio.timeout(25):
            assert await silent.read() == b""
            assert await slow.read() == b""
        assert time.monotonic() - began >= 9
        polite_writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"hello" in await polite.read()

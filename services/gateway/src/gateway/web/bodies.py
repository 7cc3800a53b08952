"""Request bodies: their type, their size, their time, and JSON out of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import hdrs, web

from gateway.domain.json_text import NotJson, decode_json
from gateway.web.faults import TooSlow, UnsupportedMedia
from hub.contracts.errors import Malformed, TooLarge, Unavailable

JSON_TYPE = "application/json"
_BODY_SECONDS = 30.0


class Uploads:
    """Bodies that are on their way."""

    def __init__(self) -> None:
        self._timers: set[asyncio.Timeout] = set()
        self._ending = False

    @asynccontextmanager
    async def in_time(self, moment: float) -> AsyncIterator[None]:
        """Wait for a part of a body until then. Raises TooSlow, or Unavailable when the server ends."""
        timer = asyncio.timeout_at(0.0 if self._ending else moment)
        self._timers.add(timer)
        try:
            async with timer:
                yield
        except TimeoutError:
            if self._ending:
                raise Unavailable("The gateway is stopping; send it again", retry_after=5) from None
            raise TooSlow() from None
        finally:
            self._timers.discard(timer)

    def end(self) -> None:
        """Refuse what is still on its way: a server that stops reads no more, and its end must not wait for it."""
        self._ending = True
        for timer in self._timers:
            if not timer.expired():
                timer.reschedule(0.0)


BODY = web.RequestKey("body", bytes)  # of a request that was read as JSON
UPLOADS = web.AppKey("uploads", Uploads)


def refuse_encoding(request: web.Request) -> None:
    """Compressed bodies are refused: their size would say nothing about what they hold."""
    encoding = request.headers.get(hdrs.CONTENT_ENCODING)
    if encoding is not None and encoding.lower() != "identity":
        raise UnsupportedMedia("Compressed bodies are not taken", header="Content-Encoding")


def expect_type(request: web.Request, *types: str) -> str:
    """The body's media type, which must be one of those. Raises UnsupportedMedia."""
    refuse_encoding(request)
    given = request.headers.get(hdrs.CONTENT_TYPE, "")
    media = given.partition(";")[0].strip().lower()
    if media not in types:
        raise UnsupportedMedia(f"Send {' or '.join(types)}", header="Content-Type")
    charset = given.lower().partition("charset=")[2].strip(' "')
    if charset and charset.replace("-", "") not in ("utf8", "usascii"):
        raise UnsupportedMedia("Send UTF-8", header="Content-Type")
    return media


def body_at_hand(request: web.Request, limit: int) -> bytes | None:
    """The whole body if it came with the headers, as small ones do; None when it has to be waited for."""
    content = request.content
    if not content.is_eof():
        return None
    body = content.read_nowait()
    if len(body) > limit:
        raise TooLarge(limit_bytes=limit)
    return body


async def read_body(request: web.Request, limit: int) -> bytes:
    """The whole body. Raises TooLarge and TooSlow."""
    body = body_at_hand(request, limit)
    if body is not None:
        return body
    return b"".join([chunk async for chunk in body_chunks(request, limit, within=_BODY_SECONDS)])


async def body_chunks(request: web.Request, limit: int, *, within: float | None = None) -> AsyncIterator[bytes]:
    """The body as it comes; ``within`` seconds for all of it, else the usual time for each chunk."""
    length = request.content_length
    if length is not None and length > limit:
        raise TooLarge(limit_bytes=limit)
    loop = asyncio.get_running_loop()
    end = loop.time() + within if within else None
    uploads = request.app[UPLOADS]
    size = 0
    while True:
        async with uploads.in_time(end or loop.time() + _BODY_SECONDS):
            chunk = await request.content.readany()
        if not chunk:
            return
        size += len(chunk)
        if size > limit:
            raise TooLarge(limit_bytes=limit)
        yield chunk


async def read_json(request: web.Request, limit: int) -> Any:
    """A JSON body. Raises UnsupportedMedia, TooLarge, TooSlow, Malformed."""
    expect_type(request, JSON_TYPE)
    body = request[BODY] = await read_body(request, limit)
    try:
        return decode_json(body)
    except NotJson as error:
        raise Malformed(f"The body is not JSON: {error.reason}", code="MALFORMED_JSON") from None

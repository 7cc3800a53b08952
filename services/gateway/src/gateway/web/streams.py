"""Long answers, written as they are read. One that fails half-way must not look complete."""

from collections.abc import AsyncIterator

import structlog
from aiohttp import web

_log = structlog.get_logger()


async def stream(request: web.Request, response: web.StreamResponse, parts: AsyncIterator[bytes]) -> web.StreamResponse:
    """Send all parts. The first is made before anything is sent, so that what fails at once is a proper error.

    Later the connection is cut: without the final chunk the client knows that the answer is not whole.
    """
    first = await anext(parts, b"")
    await response.prepare(request)
    try:
        await response.write(first)
        async for part in parts:
            await response.write(part)
        await response.write_eof()
    except Exception as error:  # noqa: BLE001 - the status line is sent; cutting is the only way left to say "failed"
        if not isinstance(error, ConnectionError):
            _log.error("stream.failed", path=request.path, exc_info=error)
        if request.transport is not None:
            request.transport.abort()
    return response

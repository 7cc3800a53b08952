"""JSON in and out."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON response."""
    return web.Response(body=orjson.dumps(body), status=status, headers=headers, content_type="application/json")


def broken(request: web.Request, response: web.StreamResponse | None = None) -> web.StreamResponse:
    """Cut the connection; what is returned reaches nobody."""
    if request.transport:
        request.transport.abort()
    return response or web.Response()

"""Answers in JSON."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer; what it holds is private, so nothing between here and the client may keep it."""
    body = orjson.dumps(value)
    return web.Response(
        body=body,
        status=status,
        headers={**(headers or {}), "Cache-Control": "no-store"},
        content_type="application/json",
    )

"""Answers in JSON."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from hub.telemetry.trace import current_traceparent


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer; what it holds is private, so nothing between here and the client may keep it."""
    return web.Response(
        body=orjson.dumps(value),
        status=status,
        headers={
            **(headers or {}),
            "Cache-Control": "no-store",
            "X-Request-Id": (current_traceparent.get() or "")[3:35],
        },
        content_type="application/json",
    )

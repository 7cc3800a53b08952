"""A subscriber as a customer would write it: checks the signature of each webhook, and keeps what it was told."""

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from hub.runtime import serving

PATH = "/webhooks/mpp"


class Subscriber:
    """Receives what webhook-dispatcher delivers. ``keep`` it all, or just count."""

    def __init__(self, secret: str, *, keep: bool = False) -> None:
        self.secret = secret
        self.received: Counter[str] = Counter()
        self.told: list[dict[str, Any]] = []
        self.forged = 0
        self._keep = keep

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        expected = "sha256=" + hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(request.headers.get("X-Webhook-Signature", ""), expected):
            self.forged += 1
            return web.Response(status=401)
        self.received[request.headers.get("X-Webhook-Event", "?")] += 1
        if self._keep:
            self.told.append(json.loads(body))
        return web.Response(text="OK")

    @asynccontextmanager
    async def served(self, port: int = 0) -> AsyncIterator[str]:
        """Listen on loopback; yields the address to subscribe."""
        app = web.Application()
        app.add_routes([web.post(PATH, self._receive)])
        async with serving(app, "127.0.0.1", port, stop_seconds=1) as found:
            yield f"http://127.0.0.1:{found}{PATH}"

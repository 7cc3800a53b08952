"""A subscriber as a customer would write it: checks the signature of each webhook and counts."""

import hashlib
import hmac
from collections import Counter

from aiohttp import web

from hub.runtime import serving


class Subscriber:
    """Receives what webhook-dispatcher delivers."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self.received: Counter[str] = Counter()
        self.forged = 0

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        expected = "sha256=" + hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(request.headers.get("X-Webhook-Signature", ""), expected):
            self.forged += 1
            return web.Response(status=401)
        self.received[request.headers.get("X-Webhook-Event", "?")] += 1
        return web.Response(text="OK")

    def app(self) -> web.Application:
        """The application to serve."""
        app = web.Application()
        app.add_routes([web.post("/webhooks/mpp", self._receive)])
        return app


def served(subscriber: Subscriber, port: int):  # type: ignore[no-untyped-def]  # the context manager of hub.runtime
    """Serve a subscriber on loopback."""
    return serving(subscriber.app(), "127.0.0.1", port, stop_seconds=1)

"""Webhook settings and subscriptions of an app, by developer key."""

from aiohttp import web

from simulators.hubspot.reading import DATED, document, inputs
from simulators.hubspot.subscriptions import App
from simulators.hubspot.times import iso
from simulators.hubspot.webhooks import Webhooks
from simulators.kit.answers import answer
from simulators.kit.clock import Clock


class WebhooksApi:
    """``/webhooks/v3/{appId}`` and its dated twins."""

    def __init__(self, webhooks: Webhooks, clock: Clock) -> None:
        self._webhooks, self._clock = webhooks, clock

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        rows = [
            ("GET", "/settings", self.settings), ("PUT", "/settings", self.point),
            ("DELETE", "/settings", self.unpoint), ("GET", "/subscriptions", self.listing),
            ("POST", "/subscriptions", self.subscribe),
            ("POST", "/subscriptions/batch/update", self.change_many),
            ("GET", "/subscriptions/{subscriptionId}", self.read),
            ("PATCH", "/subscriptions/{subscriptionId}", self.change),
            ("DELETE", "/subscriptions/{subscriptionId}", self.unsubscribe),
        ]  # fmt: skip
        stems = ("/webhooks/v3", f"/webhooks/{DATED}", f"/app-webhooks/{DATED}")
        return [
            web.route(method, f"{stem}/{{appId:\\d+}}{rest}", handler)
            for stem in stems
            for method, rest, handler in rows
        ]

    async def settings(self, request: web.Request) -> web.Response:
        """Where deliveries go; 404 until that is set."""
        return answer(self._app(request).settings())

    async def point(self, request: web.Request) -> web.Response:
        """Set it."""
        app = self._app(request)
        app.point(await document(request), self._now())
        return answer(app.settings())

    async def unpoint(self, request: web.Request) -> web.Response:
        """204; no more deliveries."""
        self._app(request).target = None
        return web.Response(status=204)

    async def listing(self, request: web.Request) -> web.Response:
        """All subscriptions."""
        return answer({"results": [each.document() for each in self._app(request)]})

    async def subscribe(self, request: web.Request) -> web.Response:
        """201."""
        made = self._app(request).subscribe(await document(request), self._webhooks.next_subscription(), self._now())
        return answer(made.document(), 201)

    async def read(self, request: web.Request) -> web.Response:
        """One."""
        return answer(self._app(request).get(request.match_info["subscriptionId"]).document())

    async def change(self, request: web.Request) -> web.Response:
        """Only ``active`` can be changed."""
        found = self._app(request).get(request.match_info["subscriptionId"])
        wish = await document(request)
        found.active, found.updated = wish.get("active") is True, self._now()
        return answer(found.document())

    async def change_many(self, request: web.Request) -> web.Response:
        """Likewise, in a batch."""
        app, now = self._app(request), self._now()
        _, wishes = await inputs(request)
        chosen = [(app.get(str(each.get("id"))), each.get("active") is True) for each in wishes]
        for found, active in chosen:
            found.active, found.updated = active, now
        body = {"status": "COMPLETE", "results": [found.document() for found, _ in chosen], "startedAt": iso(now),
                "completedAt": iso(now)}  # fmt: skip
        return answer(body)

    async def unsubscribe(self, request: web.Request) -> web.Response:
        """204."""
        app = self._app(request)
        del app.subscriptions[app.get(request.match_info["subscriptionId"]).id]
        return web.Response(status=204)

    def _app(self, request: web.Request) -> App:
        return self._webhooks.app(int(request.match_info["appId"]))

    def _now(self) -> int:
        return int(self._clock.time() * 1000)

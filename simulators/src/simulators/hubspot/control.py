"""What can be steered at HubSpot beyond what the kit knows."""

from aiohttp import web

from simulators.hubspot.errors import HubSpotRefused
from simulators.hubspot.oauth import APP_ID
from simulators.hubspot.world import World
from simulators.kit.answers import answer
from simulators.kit.control import ControlRefused, document, guarded, text


def hubspot_control_routes(world: World) -> list[web.RouteDef]:
    """Options, private tokens, a short way to subscribe, and what only a person can do."""
    return [*_switch_routes(world), *_person_routes(world)]


def _switch_routes(world: World) -> list[web.RouteDef]:
    async def options(request: web.Request) -> web.Response:
        return answer(world.options.change(await document(request) if request.method == "POST" else {}))

    async def private_tokens(request: web.Request) -> web.Response:
        wish = await document(request)
        world.access.private_tokens |= dict.fromkeys(map(str, wish.get("add", [])), True)
        for each in wish.get("remove", []):
            world.access.private_tokens.pop(str(each), None)
        return answer({"tokens": list(world.access.private_tokens)})

    async def subscribe(request: web.Request) -> web.Response:
        wish = await document(request)
        app, now = world.webhooks.app(int(wish.get("appId", APP_ID))), world.portal.now()
        try:
            app.point({"targetUrl": text(wish, "targetUrl")}, now)
            for each in wish.get("events", []):
                event, _, name = str(each).partition(":")
                row = {"eventType": event, "propertyName": name or None, "active": True}
                app.subscribe(row, world.webhooks.next_subscription(), now)
        except HubSpotRefused as refused:
            raise ControlRefused(refused.status, refused.message) from None
        return answer({"subscriptions": [each.document() for each in app]}, 201)

    return [
        web.get("/control/options", guarded(options)),
        web.post("/control/options", guarded(options)),
        web.post("/control/private-tokens", guarded(private_tokens)),
        web.post("/control/subscribe", guarded(subscribe)),
    ]


def _person_routes(world: World) -> list[web.RouteDef]:
    async def restore(request: web.Request) -> web.Response:
        wish = await document(request)
        return answer(world.restore(text(wish, "object"), text(wish, "id")))

    async def purge(request: web.Request) -> web.Response:
        wish = await document(request)
        world.purge(text(wish, "object"), text(wish, "id"))
        return answer({"purged": 1})

    return [
        web.post("/control/restore", guarded(restore)),
        web.post("/control/purge", guarded(purge)),
    ]
